// Package testutil helps to test fleetdial and the programs that embed it. It starts real
// redis-server processes, runs a conformance suite for stores, and has a fake store.
//
// The types directive.Set and store.Store in this package are fleetdial.Set and
// fleetdial.Store.
package testutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// startTimeout bounds the time from the start of a server to its first reply.
const startTimeout = 15 * time.Second

// Redis is a redis-server process of a test, on 127.0.0.1, with its own directory. It
// ends with the test. A method that fails fails the test. The methods are not safe for
// concurrent use, except Addr, URL, Client and Do.
type Redis struct {
	t    testing.TB
	args []string
	// sentinel is the configuration of a Sentinel, without its port. It is empty for a
	// server.
	sentinel string
	// more holds the ports that replaced AnyPort in args.
	more []int
	port int
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// AnyPort is a placeholder for a free port in the arguments of [StartRedis].
const AnyPort = "any-port"

// StartRedis starts a redis-server, and waits for its first reply. args are arguments of
// the redis-server command, and override the defaults. By default the server saves
// nothing to disk. StartRedis needs redis-server 7 in the PATH.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return startOnFreePorts(t, "", args...)
}

// startOnFreePorts starts a server, or a Sentinel if sentinel is set.
func startOnFreePorts(t testing.TB, sentinel string, args ...string) *Redis {
	t.Helper()
	r := &Redis{t: t, dir: t.TempDir(), sentinel: sentinel}
	t.Cleanup(r.end)
	// The start is repeated, because another process may take a port before the server
	// uses it.
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
		r.dir = t.TempDir() // the files in the old directory name the ports that are taken
	}
	t.Fatalf("start redis-server: no free port; log:\n%s", r.log())
	return nil
}

// freePort returns a port below 32768. Linux takes the ports of outgoing connections from
// 32768 on, so no connection takes the port of a server that is down for a moment.
func freePort(t testing.TB) int {
	t.Helper()
	const lowest, highest = 10_000, 32_767
	var err error
	for range 100 {
		port := lowest + rand.IntN(highest-lowest+1)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatalf("find a free port: %v", err)
	return 0
}

// start starts the process, and waits for the first reply of the server. It returns false
// if the port was taken.
func (r *Redis) start() bool {
	r.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatalf("redis-server is not installed (run `make test`, which installs it, or `apt-get install -y redis-server`)")
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
			r.t.Fatalf("start redis-server: the process ended; log:\n%s", r.log())
		case <-time.After(5 * time.Millisecond):
		}
		if r.listens() && r.answers() {
			return true
		}
	}
	r.t.Fatalf("start redis-server: no reply after %v; log:\n%s", startTimeout, r.log())
	return false
}

// commandLine returns the arguments of the process. It writes the configuration of a
// Sentinel.
func (r *Redis) commandLine() []string {
	if r.sentinel == "" {
		return slices.Concat([]string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(r.port), "--dir", r.dir, "--logfile", r.logFile(),
			"--save", "", "--appendonly", "no", "--daemonize", "no",
		}, r.args)
	}
	// The configuration is written only once, because a Sentinel saves its state there.
	file := filepath.Join(r.dir, "sentinel.conf")
	if !exists(file) {
		text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nlogfile %s\n%s", r.port, r.dir, r.logFile(), r.sentinel)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return []string{file, "--sentinel"}
}

// runProcess starts a process. It closes done when the process has ended.
func runProcess(cmd *exec.Cmd) (done chan struct{}, err error) {
	ownProcess(cmd)
	done, started := make(chan struct{}), make(chan error)
	go func() {
		// The thread must live as long as the process, because the kernel kills the
		// process when the thread that started it ends.
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

// listens reports whether the process has logged that it listens. Until then, the server of
// another process may be the one that answers.
func (r *Redis) listens() bool {
	log, err := os.ReadFile(r.logFile())
	if err != nil {
		return false // the log does not exist yet
	}
	own := strconv.Itoa(r.cmd.Process.Pid) + ":"
	for line := range strings.Lines(string(log)) {
		if strings.HasPrefix(line, own) && (strings.Contains(line, "Server initialized") || strings.Contains(line, "Sentinel ID is")) {
			return true
		}
	}
	return false
}

// answers reports whether the server replies to PING. Any reply counts, because a server
// that is still loading has started too.
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

// log returns the end of the server's log.
func (r *Redis) log() string {
	log, err := os.ReadFile(r.logFile())
	if err != nil {
		return err.Error()
	}
	const tail = 4 << 10
	return string(log[max(0, len(log)-tail):])
}

// end kills the server. It prints the server's log if the test failed.
func (r *Redis) end() {
	if r.t.Failed() && r.cmd != nil {
		r.t.Logf("log of redis-server on port %d:\n%s", r.port, r.log())
	}
	r.Kill()
}

// Addr returns the server's host and port.
func (r *Redis) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// URL returns the server's redis:// URL.
func (r *Redis) URL() string { return "redis://" + r.Addr() }

// Kill ends the server with SIGKILL, also if the server is stopped. Kill is safe to call
// twice.
func (r *Redis) Kill() {
	if r.cmd == nil || r.cmd.Process == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	<-r.done
}

// Restart starts a killed server again on the same port, with the data that it saved to
// disk.
func (r *Redis) Restart() {
	r.t.Helper()
	if !r.start() {
		r.t.Fatalf("restart redis-server: port %d is taken", r.port)
	}
}

// RestartEmpty starts a killed server again on the same port, without data.
func (r *Redis) RestartEmpty() {
	r.t.Helper()
	r.dir = r.t.TempDir()
	r.Restart()
}

// Stop halts the server with SIGSTOP. Its connections stay open, and the server does not
// reply.
func (r *Redis) Stop() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
	Eventually(r.t, 5*time.Second, "redis-server is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
		if errors.Is(err, os.ErrNotExist) && !exists("/proc/self/stat") {
			return true // this system has no /proc, so only the signal is known to be sent
		}
		_, state, ok := bytes.Cut(stat, []byte(") "))
		return ok && state[0] == 'T'
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Continue resumes a stopped server.
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

// Client returns a client of the server with short timeouts. The client is closed at the
// end of the test t.
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

// Fill sets a key to a string of so many bytes. It waits up to a minute for the reply.
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

// Do sends one command on a new connection, like redis-cli, and returns the reply. An
// error reply fails the test. A nil reply is returned as nil.
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
