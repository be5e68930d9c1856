package connection

import (
	"strings"

	"github.com/fleetdial/fleetdial"
)

// Server returns the URL of the server without user, password, database and options, for
// messages. It returns nothing if the URL is not valid.
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
	switch {
	case opts.MasterName != "":
		return scheme + "+sentinel://" + addrs + "/" + opts.MasterName
	case opts.IsClusterMode:
		return scheme + "+cluster://" + addrs
	case strings.HasPrefix(addrs, "/"):
		return "unix://" + addrs
	}
	return scheme + "://" + addrs
}

// IsDefault reports whether the URL is the default one.
func (f *Flags) IsDefault() bool { return f.URL == local }
