// Command proxy is a reverse proxy for OpenSearch whose diagnostics a fleet turns up and down. It is fleetdial's
// reference: each adapter has its place in it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
)

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// silence has libraries write nothing of their own: go-redis, which would tell of every dial that fails where the
// subscriber tells once, and whatever uses package log, to which net/http quotes what an upstream sends unasked.
func silence() {
	redis.SetLogger(silent{})
	log.SetOutput(io.Discard)
}

func main() {
	silence()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(code)
}

// run serves until ctx ends, and returns the exit code: 0, 1 for a failure, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	cmd := command(stdout, stderr, getenv)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "proxy: %v\n", err)
	if _, isUsage := err.(*usageError); isUsage {
		return 2
	}
	return 1
}
