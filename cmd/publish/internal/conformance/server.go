package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// serverLimit bounds the start of a redis-server, and each of its replies.
const serverLimit = 15 * time.Second

// ErrServer is the error of a redis-server that cannot be started or does not reply.
var ErrServer = errors.New("redis-server")

// server is a redis-server of one scenario, on 127.0.0.1, with a directory of its own. It
// writes every change to disk before it replies, so that a killed server keeps its data.
type server struct {
	port    int
	dir     string
	process *process
	client  *redis.Client
}

// startServer starts a redis-server on a free port, and waits until it replies. The caller has
// to call close.
func startServer(ctx context.Context) (*server, error) {
	dir, err := os.MkdirTemp("", "fleetdial-conformance-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	// Another process may take the port before the server has it.
	for range 5 {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.start(ctx); err == nil || ctx.Err() != nil || s.process == nil {
			break
		}
		s.kill()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// freePort returns a port below 32768. Most systems take the ports of outgoing connections
// from there on, so no connection takes the port of a server that is down for a moment.
func freePort() (int, error) {
	const lowest, highest = 10_000, 32_767
	var err error
	for range 100 {
		port := lowest + rand.IntN(highest-lowest+1)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("%w: no free port: %w", ErrServer, err)
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// start starts the process, with the data in the directory.
func (s *server) start(ctx context.Context) error {
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no", "--logfile", s.logFile())
	process, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("%w: start: %w", ErrServer, err)
	}
	s.process = process
	s.client = redis.NewClient(&redis.Options{
		Addr: s.addr(), Protocol: 2, PoolSize: 1, DialTimeout: serverLimit, ReadTimeout: serverLimit,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return s.wait(ctx)
}

func (s *server) logFile() string { return filepath.Join(s.dir, "redis.log") }

// wait waits until the server replies, and has loaded its data. Another process may have taken
// the port, and be a server too.
func (s *server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, serverLimit, fmt.Errorf("%w: no reply within %v", ErrServer, serverLimit))
	defer cancel()
	own := fmt.Sprintf("process_id:%d\r\n", s.process.cmd.Process.Pid)
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		info, err := s.client.Info(ctx).Result()
		if err == nil && strings.Contains(info, own) && strings.Contains(info, "\r\nloading:0\r\n") {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.process.done:
			return fmt.Errorf("%w: the process ended; its log ends with: %s", ErrServer, s.lastLog())
		case <-retry.C:
		}
	}
}

// lastLog returns the last lines of the server's log.
func (s *server) lastLog() string {
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// restart starts a server again, on the same port.
func (s *server) restart(ctx context.Context) error {
	s.kill()
	return s.start(ctx)
}

// restartEmpty starts a server again, on the same port and without data.
func (s *server) restartEmpty(ctx context.Context) error {
	s.kill()
	if err := os.RemoveAll(filepath.Join(s.dir, "appendonlydir")); err != nil {
		return err
	}
	return s.start(ctx)
}

// dropConnections ends all connections except the one of this command.
func (s *server) dropConnections(ctx context.Context) error {
	for _, kind := range []string{"normal", "pubsub"} {
		if err := s.client.Do(ctx, "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes").Err(); err != nil {
			return err
		}
	}
	return nil
}

// kill kills the process. It is safe to call twice.
func (s *server) kill() {
	if s.process == nil {
		return
	}
	s.process.kill()
	_ = s.client.Close()
}

// close kills the process and removes its directory.
func (s *server) close() {
	s.kill()
	_ = os.RemoveAll(s.dir)
}
