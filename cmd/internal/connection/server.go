package connection

import (
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial"
)

// Server returns the URL of the server and of its database, without user, password and
// options, for messages. It returns nothing if the URL is not valid.
func (f *Flags) Server() string {
	opts, err := fleetdial.ParseURL(f.URL)
	if err != nil {
		return ""
	}
	addrs := strings.Join(opts.Addrs, ",")
	scheme := "redis"
	if opts.TLSConfig != nil {
		scheme = "rediss"
	}
	database := ""
	if opts.DB > 0 {
		database = fmt.Sprintf("/%d", opts.DB)
	}
	switch {
	case opts.MasterName != "":
		return scheme + "+sentinel://" + addrs + "/" + opts.MasterName + database
	case opts.IsClusterMode:
		return scheme + "+cluster://" + addrs
	case strings.HasPrefix(addrs, "/"):
		return "unix://" + addrs + strings.Replace(database, "/", "?db=", 1)
	}
	return scheme + "://" + addrs + database
}

// Ping returns the redis-cli command that pings the server, or the first Sentinel or node. It
// returns nothing if the URL is not valid.
func (f *Flags) Ping() string {
	opts, err := fleetdial.ParseURL(f.URL)
	if err != nil {
		return ""
	}
	addr := opts.Addrs[0]
	switch {
	case strings.HasPrefix(addr, "/"):
		return "redis-cli -s " + addr + " ping"
	case opts.TLSConfig != nil:
		return "redis-cli -u rediss://" + addr + " ping"
	}
	return "redis-cli -u redis://" + addr + " ping"
}

// IsDefault reports whether the URL is the default one.
func (f *Flags) IsDefault() bool { return f.URL == local }
