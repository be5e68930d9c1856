package console

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fleetdial/fleetdial/testutil"
)

// process is a program that a test started. It ends with the test.
type process struct {
	t       testing.TB
	name    string
	logFile string
	cmd     *exec.Cmd
	alive   io.Closer // the program gets SIGTERM when it is closed
	done    chan struct{}
	err     error // how the program ended, once done is closed
}

// untilInputEnds runs its arguments as a command, and ends the command when the input ends. So the
// command also ends if the test binary is killed. It gets SIGTERM, so that it ends its children.
const untilInputEnds = `exec 3<&0; "$@" 3<&- </dev/null & pid=$!
(cat <&3; kill -TERM $pid; sleep 10; kill -KILL $pid) >/dev/null 2>&1 & watch=$!
wait $pid; status=$?; kill $watch 2>/dev/null; exit $status`

// startProcess starts a program in a process group of its own. If the test fails, the output of
// the program is in the log of the test.
func startProcess(t testing.TB, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(program), logFile: filepath.Join(t.TempDir(), "log"), done: make(chan struct{})}
	log, err := os.Create(p.logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command("sh", append([]string{"-c", untilInputEnds, "sh", program}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.alive, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.stop()
		if strings.Contains(p.log(), "DATA RACE") {
			t.Errorf("%s has a data race", p.name)
		}
		if t.Failed() {
			t.Logf("output of %s:\n%s", p.name, p.log())
		}
	})
	return p
}

// stop ends the program with SIGTERM, and after a while with SIGKILL, and returns how it ended. It
// is safe to call twice.
func (p *process) stop() error {
	_ = p.alive.Close()
	select {
	case <-p.done:
	case <-time.After(within):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
	<-p.done
	return p.err
}

// ended reports whether the program has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// log returns what the program has printed.
func (p *process) log() string {
	log, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// waitOutput waits until the program has printed what matches an expression, and returns the last
// group of the expression.
func (p *process) waitOutput(expression *regexp.Regexp) (found string) {
	p.t.Helper()
	testutil.Eventually(p.t, within, p.name+" prints "+expression.String(), func() bool {
		ended := p.ended()
		match := expression.FindStringSubmatch(p.log())
		if match == nil && ended {
			p.t.Fatalf("%s ended before it printed %v", p.name, expression)
		}
		if match != nil {
			found = match[len(match)-1]
		}
		return match != nil
	})
	return found
}

// publishCommand builds the command publish, once, and returns its path. The command has the race
// detector if the test has it.
var publishCommand = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(scratch(), "publish")
	build := exec.Command("go", "build", "-o", path, "./cmd/publish")
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		build.Args = slices.Insert(build.Args, 2, "-race")
	}
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// publish runs the command publish to its end, and returns what it printed.
func publish(t testing.TB, args ...string) string {
	t.Helper()
	path, err := publishCommand()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("publish %q: %v\n%s", args, err, out)
	}
	return string(out)
}
