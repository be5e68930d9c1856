// Package buildversion holds the version that a command shows.
package buildversion

import (
	"cmp"
	"runtime"

	"github.com/fleetdial/fleetdial/internal/host"
)

// Command returns the version of the running command, which is that of its library, as the
// command is of the same module. It is "(devel)" if the build has no version.
func Command() string { return cmp.Or(host.LibraryVersion(), "(devel)") }

// Text returns the versions of the running command and of Go, such as "v1.2.3, go1.26.0".
func Text() string { return Command() + ", " + runtime.Version() }
