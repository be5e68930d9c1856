// Package host says what the machine and the program tell of themselves: their name, version
// and boot, and for how long the machine was suspended.
package host

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial/internal/wire"
)

const modulePath = "github.com/fleetdial/fleetdial"

// LibraryVersion returns the version of fleetdial that the program was built with.
func LibraryVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath {
			return m.Version
		}
	}
	return ""
}

// InstanceName returns the host's name and the process id, as a name for the roster.
func InstanceName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	host = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, host)
	pid := "-" + strconv.Itoa(os.Getpid())
	return host[:min(len(host), wire.MaxInstanceBytes-len(pid))] + pid
}
