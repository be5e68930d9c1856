package conformance

import (
	"os/exec"
	"runtime"
	"sync"
)

// process is a child process, together with its own children.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	once sync.Once
}

// startProcess starts a command in a process group of its own, so that Ctrl-C on the terminal
// does not reach it, and so that kill reaches its children.
func startProcess(cmd *exec.Cmd) (*process, error) {
	ownGroup(cmd)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux kills the process when the thread that started it ends. So the thread has to
		// live as long as the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// kill kills the process and its children, and waits until the process has ended. It is safe
// to call twice.
func (p *process) kill() {
	p.once.Do(func() { killGroup(p.cmd.Process) })
	<-p.done
}

// hasEnded reports whether the process has ended.
func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
