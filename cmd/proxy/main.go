// Command proxy is a reverse proxy for OpenSearch. It records requests as the directives
// of a fleet require. The command is the reference for embedding fleetdial, and uses
// every adapter.
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

type discardLogger struct{}

func (discardLogger) Printf(context.Context, string, ...any) {}

// silenceLibraries discards the log output of libraries. go-redis logs every failed dial,
// while the subscriber logs only changes of its state. net/http uses package log, and
// quotes unsolicited bytes from the upstream, which may be confidential.
func silenceLibraries() {
	redis.SetLogger(discardLogger{})
	log.SetOutput(io.Discard)
}

func main() {
	silenceLibraries()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv)
	os.Exit(code)
}

// run serves until ctx ends, and returns the exit code: 0 for success, 1 for a failure, 2
// for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	cmd := command(stdout, stderr, getenv)
	cmd.SetArgs(append([]string{}, args...)) // cobra reads os.Args instead of nil
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
