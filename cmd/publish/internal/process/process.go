// Package process starts programs that end with the program that starts them.
package process

import (
	"os/exec"
	"runtime"
	"sync"
)

// Process is a child process, together with its own children. It is safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	once sync.Once
}

// Start starts a command in a process group of its own, so that Ctrl-C on the terminal does not
// reach it, and so that [Process.Kill] reaches its children. The caller has to call Kill, except
// after an error. The error is that of [exec.Cmd.Start].
func Start(cmd *exec.Cmd) (*Process, error) {
	ownGroup(cmd)
	p := &Process{cmd: cmd, done: make(chan struct{})}
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

// PID returns the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// HasEnded reports whether the process has ended.
func (p *Process) HasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Exit describes how the process has ended, such as "exit status 1". It may be called after Done
// is closed.
func (p *Process) Exit() string { return p.cmd.ProcessState.String() }

// Kill kills the process and its children, and waits until the process has ended. It is safe to
// call twice.
func (p *Process) Kill() {
	p.once.Do(func() { killGroup(p.cmd.Process) })
	<-p.done
}

// Pause stops the process until Resume continues it. It returns an error on systems that cannot
// stop a process.
func (p *Process) Pause() error { return pause(p.cmd.Process) }

// Resume continues the process after Pause.
func (p *Process) Resume() error { return resume(p.cmd.Process) }
