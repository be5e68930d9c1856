package process

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the command the leader of a process group. The kernel kills it if this
// process ends without its defers.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
