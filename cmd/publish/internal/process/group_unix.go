//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package process

import (
	"os"
	"syscall"
)

// killGroup kills the process and the other processes of its group.
func killGroup(leader *os.Process) {
	_ = syscall.Kill(-leader.Pid, syscall.SIGKILL)
}

// pause stops a process, until resume continues it.
func pause(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
