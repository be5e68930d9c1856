// Package testutil has what the tests of fleetdial and of its users need: real redis-server processes, a conformance
// suite for stores, and waiting with a deadline.
package testutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// startTimeout bounds how long a server may take until it answers.
const startTimeout = 15 * time.Second

// Redis is a redis-server process of a test's own, on 127.0.0.1, with a folder of its own. It ends with the test.
// Its methods fail the test that started it if they cannot do what they say; they are not safe for concurrent use,
// except Addr, URL, Client and Do.
type Redis struct {
	t    testing.TB
	args []string
	// sentinel is the configuration of a Sentinel, but for its port; empty for a server.
	sentinel string
	// more are the ports that took the place of AnyPort in args.
	more []int
	port int
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// AnyPort among the args of StartRedis stands for a free port.
const AnyPort = "any-port"

// StartRedis starts a redis-server and waits until it answers. Nothing is saved to disk unless args, which are those of
// redis-server's command line and win over its own, say so. It needs redis-server 7 in the PATH.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return startOnFreePorts(t, "", args...)
}

func startOnFreePorts(t testing.TB, sentinel string, args ...string) *Redis {
	t.Helper()
	r := &Redis{t: t, dir: t.TempDir(), sentinel: sentinel}
	t.Cleanup(r.end)
	// Another process may take a port between its choice and its use.
	for range 5 {
		r.port = freePort(t)
		r.args, r.more = slices.Clone(args), nil
		for i, arg := range args {
			if arg == AnyPort {
				r.more = append(r.more, freePort(t))
				r.args[i] = strconv.Itoa(r.more[len(r.more)-1])
			}
		}
		if r.start() {
			return r
		}
		r.dir = t.TempDir() // what is there is for ports that are taken
	}
	t.Fatalf("redis-server found no free port; its log:\n%s", r.log())
	return nil
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start reports whether the server answers; false says that its port was taken.
func (r *Redis) start() bool {
	r.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatalf("redis-server is not installed: run `make test`, which installs it, or `apt-get install -y redis-server`")
	}
	r.cmd = exec.Command(path, r.commandLine()...)
	done, err := runProcess(r.cmd)
	if err != nil {
		r.t.Fatalf("start redis-server: %v", err)
	}
	r.done = done
	deadline := time.Now().Add(startTimeout)
	for time.Now().Before(deadline) {
		select {
		case <-done:
			if strings.Contains(r.log(), "Address already in use") {
				return false
			}
			r.t.Fatalf("redis-server ended by itself; its log:\n%s", r.log())
		case <-time.After(5 * time.Millisecond):
		}
		if r.answers() {
			return true
		}
	}
	r.t.Fatalf("redis-server does not answer; its log:\n%s", r.log())
	return false
}

func (r *Redis) commandLine() []string {
	if r.sentinel == "" {
		return slices.Concat([]string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(r.port), "--dir", r.dir, "--logfile", r.logFile(),
			"--save", "", "--appendonly", "no", "--daemonize", "no",
		}, r.args)
	}
	// A Sentinel writes what it learns into its configuration.
	file := filepath.Join(r.dir, "sentinel.conf")
	if !exists(file) {
		text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nlogfile %s\n%s", r.port, r.dir, r.logFile(), r.sentinel)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return []string{file, "--sentinel"}
}

// runProcess starts a process, and closes done when it has ended.
func runProcess(cmd *exec.Cmd) (done chan struct{}, err error) {
	ownProcess(cmd)
	done, started := make(chan struct{}), make(chan error)
	go func() {
		// The process is bound to the thread that starts it, which has to last as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(done)
	}()
	return done, <-started
}

// answers takes any reply for an answer: a server that is still loading has started too.
func (r *Redis) answers() bool {
	conn, err := net.DialTimeout("tcp", r.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	reply := make([]byte, 64)
	n, err := conn.Read(reply)
	return err == nil && n > 0
}

func (r *Redis) logFile() string { return filepath.Join(r.dir, "redis.log") }

func (r *Redis) log() string {
	log, err := os.ReadFile(r.logFile())
	if err != nil {
		return err.Error()
	}
	const tail = 4 << 10
	return string(log[max(0, len(log)-tail):])
}

func (r *Redis) end() {
	if r.t.Failed() && r.cmd != nil {
		r.t.Logf("log of redis-server on port %d:\n%s", r.port, r.log())
	}
	r.Kill()
}

// Addr returns host and port.
func (r *Redis) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// URL returns the server's redis:// URL.
func (r *Redis) URL() string { return "redis://" + r.Addr() }

// Kill ends the server at once, with SIGKILL, also if it is stopped. It is safe to call again.
func (r *Redis) Kill() {
	if r.cmd == nil || r.cmd.Process == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	<-r.done
}

// Restart starts a killed server again on its port, with what it had saved to disk.
func (r *Redis) Restart() {
	r.t.Helper()
	if !r.start() {
		r.t.Fatalf("the port %d was taken before redis-server came back", r.port)
	}
}

// RestartEmpty starts a killed server again on its port, with nothing.
func (r *Redis) RestartEmpty() {
	r.t.Helper()
	r.dir = r.t.TempDir()
	r.Restart()
}

// Stop halts the server with SIGSTOP: its connections stay, and nothing answers on them.
func (r *Redis) Stop() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
	Eventually(r.t, 5*time.Second, "redis-server is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
		if errors.Is(err, os.ErrNotExist) && !exists("/proc/self/stat") {
			return true // no such file system here; the signal has been sent
		}
		_, state, ok := bytes.Cut(stat, []byte(") "))
		return ok && state[0] == 'T'
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Continue lets a stopped server go on.
func (r *Redis) Continue() {
	r.t.Helper()
	r.signal(syscall.SIGCONT)
}

func (r *Redis) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatalf("signal redis-server: %v", err)
	}
}

// Client returns a client of the server with short timeouts, which is closed with the test.
func (r *Redis) Client(t testing.TB) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr:                     r.Addr(),
		Protocol:                 2,
		DialTimeout:              2 * time.Second,
		ReadTimeout:              2 * time.Second,
		WriteTimeout:             2 * time.Second,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Fill makes a key a string of so many bytes, however long the server takes for it.
func (r *Redis) Fill(t testing.TB, key string, bytes int) {
	t.Helper()
	opts := *r.Client(t).Options()
	opts.ReadTimeout = time.Minute
	client := redis.NewClient(&opts)
	defer client.Close()
	if err := client.SetRange(context.Background(), key, int64(bytes-1), "x").Err(); err != nil {
		t.Fatalf("fill %s: %v", key, err)
	}
}

// Do sends one command on a connection of its own, as redis-cli would, and returns the reply. An error reply fails the
// test; a nil reply is nil.
func (r *Redis) Do(t testing.TB, args ...any) any {
	t.Helper()
	client := r.Client(t)
	defer client.Close()
	reply, err := client.Do(context.Background(), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatalf("%v: %v", args[0], err)
	}
	return reply
}
