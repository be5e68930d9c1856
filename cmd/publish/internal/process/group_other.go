//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package process

import (
	"errors"
	"os"
	"os/exec"
)

// ownGroup does nothing, because this system has no process groups.
func ownGroup(*exec.Cmd) {}

// killGroup kills the process alone.
func killGroup(leader *os.Process) { _ = leader.Kill() }

var errPause = errors.New("this system cannot stop a process")

func pause(*os.Process) error { return errPause }

func resume(*os.Process) error { return errPause }
