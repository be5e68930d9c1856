package testutil

import (
	"os/exec"
	"syscall"
)

// ownProcess has the kernel end the process when the thread that started it ends, and so when the test binary does,
// however that comes about.
func ownProcess(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
