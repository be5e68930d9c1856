//go:build !linux

package testutil

import "os/exec"

// ownProcess does nothing, because this system cannot kill a process when its parent
// ends.
func ownProcess(*exec.Cmd) {}
