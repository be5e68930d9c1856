package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// benchServer starts the Redis that the flags ask for, and points the command to it.
func (a *app) benchServer(ctx context.Context, f benchFlags) (stop func(), err error) {
	switch {
	case f.embedded:
		server, err := miniredis.Run()
		if err != nil {
			return nil, fmt.Errorf("start the embedded Redis: %w", err)
		}
		a.connection = connection{redisURL: "redis://" + server.Addr()} // without the TLS files of the user's
		return server.Close, nil
	case f.start:
		return a.startRedis(ctx)
	}
	return func() {}, nil
}

// startRedis starts a redis-server that saves nothing, on a free port of the loopback interface.
func (a *app) startRedis(ctx context.Context) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "fleetdial-bench-")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := listener.Addr().(*net.TCPAddr)
	_ = listener.Close()
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(addr.Port), "--dir", dir,
		"--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("start redis-server, which --start needs: %w", err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	a.connection = connection{redisURL: "redis://" + addr.String()}
	client := redis.NewClient(&redis.Options{Addr: addr.String(), MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	for deadline := time.Now().Add(a.timeout); client.Ping(ctx).Err() != nil; {
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			stop()
			return nil, err
		}
		if time.Now().After(deadline) {
			stop()
			return nil, errors.New("the redis-server that was started does not answer")
		}
	}
	return stop, nil
}
