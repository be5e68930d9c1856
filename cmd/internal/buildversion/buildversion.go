// Package buildversion holds the version that a command shows.
package buildversion

import (
	"runtime"
	"runtime/debug"
)

// Command returns the version of the running command. It is "(devel)" if the build has no
// version.
func Command() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// Text returns the versions of the running command and of Go, such as "v1.2.3, go1.26.0".
func Text() string { return Command() + ", " + runtime.Version() }
