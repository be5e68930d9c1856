package testutil

import (
	"os/exec"
	"syscall"
)

// ownProcess makes the kernel kill the process when the thread that started it ends. So
// the process also ends when the test binary is killed.
func ownProcess(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
