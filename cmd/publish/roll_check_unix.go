//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// inGroup makes the command start in a process group of its own, and makes the end of its context
// kill the whole group.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
