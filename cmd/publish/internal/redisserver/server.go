// Package redisserver starts redis-server processes for the commands of publish.
package redisserver

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

	"github.com/fleetdial/fleetdial/cmd/publish/internal/process"
)

// DefaultLimit bounds by default the start of a redis-server, and each of its replies.
const DefaultLimit = 15 * time.Second

// ErrServer is wrapped by the error of a redis-server that cannot be started or does not reply.
var ErrServer = errors.New("redis-server")

// Config configures a [Server]. The zero value works.
type Config struct {
	// Durable makes the server write every change to disk before it replies, so that a killed
	// server keeps its data for [Server.Restart]. Otherwise it keeps nothing.
	Durable bool
	// Limit bounds the start of the server, and each reply that Client waits for. The default is
	// DefaultLimit.
	Limit time.Duration
}

// Server is a redis-server on 127.0.0.1, with a directory of its own. It is killed if this process
// ends without Close, where the system can do that. A Server is not safe for concurrent use.
type Server struct {
	cfg     Config
	port    int
	dir     string
	process *process.Process
	client  *redis.Client
}

// Start starts a redis-server on a free port, and waits until it replies. The caller has to call
// Close. The error is the cause of ctx, wraps [ErrServer], or is that of the file system.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Limit == 0 {
		cfg.Limit = DefaultLimit
	}
	dir, err := os.MkdirTemp("", "fleetdial-redis-")
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, dir: dir}
	// Another process may take the port before the server has it.
	for range 5 {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.start(ctx); err == nil || !errors.Is(err, errEnded) {
			break
		}
		s.Kill()
	}
	if err != nil {
		s.Close()
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

// URL returns the URL of the server. It stays the same after a restart.
func (s *Server) URL() string { return "redis://" + s.addr() }

func (s *Server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Client returns a client of the server with one connection, which the Server owns. A restart
// replaces it.
func (s *Server) Client() *redis.Client { return s.client }

// start starts the process, with the data in the directory.
func (s *Server) start(ctx context.Context) error {
	args := []string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--save", "", "--daemonize", "no",
		"--logfile", s.logFile(),
	}
	if s.cfg.Durable {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	child, err := process.Start(exec.Command("redis-server", args...))
	if err != nil {
		return fmt.Errorf("%w: start: %w", ErrServer, err)
	}
	s.process = child
	s.client = redis.NewClient(&redis.Options{
		Addr: s.addr(), Protocol: 2, PoolSize: 1, DialTimeout: s.cfg.Limit, ReadTimeout: s.cfg.Limit,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return s.wait(ctx)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "redis.log") }

// errEnded is why a server that ended by itself does not reply.
var errEnded = errors.New("the process ended")

// wait waits until the server replies, and has loaded its data. Another process may have taken
// the port, and be a server too.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Limit, fmt.Errorf("%w: no reply within %v", ErrServer, s.cfg.Limit))
	defer cancel()
	own := fmt.Sprintf("process_id:%d\r\n", s.process.PID())
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
		case <-s.process.Done():
			return fmt.Errorf("%w: %w; its log ends with: %s", ErrServer, errEnded, s.lastLog())
		case <-retry.C:
		}
	}
}

// lastLog returns the last lines of the server's log.
func (s *Server) lastLog() string {
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// Restart starts the server again, on the same port, and waits until it replies. The data is
// there if the Config says Durable.
func (s *Server) Restart(ctx context.Context) error {
	s.Kill()
	return s.start(ctx)
}

// RestartEmpty is Restart without data.
func (s *Server) RestartEmpty(ctx context.Context) error {
	s.Kill()
	if err := os.RemoveAll(filepath.Join(s.dir, "appendonlydir")); err != nil {
		return err
	}
	return s.start(ctx)
}

// Pause stops the process until Resume continues it, so that the server does not reply. It
// returns an error on systems that cannot stop a process.
func (s *Server) Pause() error { return s.process.Pause() }

// Resume continues the process after Pause.
func (s *Server) Resume() error { return s.process.Resume() }

// Kill kills the process and closes the client. It is safe to call twice.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	s.process.Kill()
	_ = s.client.Close()
}

// Close kills the process and removes its directory. It is safe to call twice.
func (s *Server) Close() {
	s.Kill()
	_ = os.RemoveAll(s.dir)
}
