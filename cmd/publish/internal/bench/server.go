package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// StartEmbedded starts an embedded Redis. The caller has to call stop.
func StartEmbedded() (url string, stop func(), err error) {
	server, err := miniredis.Run()
	if err != nil {
		return "", nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	return "redis://" + server.Addr(), server.Close, nil
}

// StartServer starts a redis-server without persistence on a free port of the loopback
// interface, and waits up to timeout until the server replies. The caller has to call
// stop.
func StartServer(ctx context.Context, timeout time.Duration) (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "fleetdial-bench-")
	if err != nil {
		return "", nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, err
	}
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(addr.Port),
		"--dir", dir, "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, fmt.Errorf("start redis-server: %w", err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	if err := waitForServer(ctx, addr.String(), cmd.Process.Pid, timeout); err != nil {
		stop()
		return "", nil, fmt.Errorf("start redis-server: %w", err)
	}
	return "redis://" + addr.String(), stop, nil
}

func freeAddr() (*net.TCPAddr, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr), nil
}

// waitForServer waits until the server with this process id replies. Another process may have
// taken the port, and be a server too.
func waitForServer(ctx context.Context, addr string, pid int, timeout time.Duration) error {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	limit := time.After(timeout)
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		info, err := client.Info(ctx, "server").Result()
		if err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", pid)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("no reply within %v", timeout)
		case <-retry.C:
		}
	}
}
