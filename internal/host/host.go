// Package host says what the machine and the program tell of themselves: their name, version
// and boot, and for how long the machine was suspended.
package host

import (
	"cmp"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial/internal/wire"
)

const modulePath = "github.com/fleetdial/fleetdial"

// stamp is the version that a build sets where Go knows none, as in a container image that is
// built without the repository's history:
//
//	go build -ldflags "-X github.com/fleetdial/fleetdial/internal/host.stamp=v1.2.3"
var stamp string

// devel is the version that Go records for a build from files without history.
const devel = "(devel)"

// LibraryVersion returns the version of fleetdial that the program was built with. It is the
// stamp, or the version that Go recorded: "(devel)" in a build from files without history.
func LibraryVersion() string {
	if stamp != "" {
		return stamp
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return versionIn(info)
}

// versionIn returns the version of fleetdial in the record of a build. If go.mod replaces the
// module, it is the version of the replacement, and "(devel)" for a folder.
func versionIn(info *debug.BuildInfo) string {
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != modulePath {
			continue
		}
		if m.Replace != nil {
			return cmp.Or(m.Replace.Version, devel)
		}
		return m.Version
	}
	return ""
}

// suffixDigits is how many random hex digits end the name of an instance.
const suffixDigits = 6

// InstanceName returns another name for the roster with each call: the host's name, the process
// id and random digits. Host and process id alone name no instance, because each container
// counts its processes from 1, and containers may have the host name of their node.
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
	suffix := "-" + strconv.Itoa(os.Getpid()) + "-" + wire.NewID()[:suffixDigits]
	return host[:min(len(host), wire.MaxInstanceBytes-len(suffix))] + suffix
}
