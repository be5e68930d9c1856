package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/term"

	"github.com/fleetdial/fleetdial"
)

// app is one run of the command: its streams, and the flags that every subcommand has.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	connection connection
	fleet      string
	output     string
	timeout    time.Duration
	quiet      bool

	verifyFiles []string
	verifyKeys  []ed25519.PublicKey
	// defaultSignKey is what --sign-key is unless told.
	defaultSignKey string
}

// run runs the command with these arguments and returns its exit code.
func run(
	ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string,
) int {
	// What go-redis has to say reaches the operator as errors.
	redis.SetLogger(silent{})
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, defaultSignKey: getenv("FLEETDIAL_SIGN_KEY")}
	root := a.command(getenv)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(stderr, "publish: "+printableLines(err.Error()))
	}
	return exitCode(err)
}

// discard is for subscribers whose state is shown otherwise.
var discard = slog.New(slog.DiscardHandler)

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// say writes a message for the operator, unless --quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// check refuses flags that cobra cannot.
func (a *app) check() error {
	if a.output != "table" && a.output != "json" {
		return usagef("-o is table or json, not %q", a.output)
	}
	if a.timeout <= 0 {
		return usagef("--timeout has to be more than nothing")
	}
	if a.connection.showsPassword() {
		a.say("a password among the arguments is seen by all users of this machine; FLEETDIAL_REDIS_URL keeps it from them")
	}
	return nil
}

func (a *app) json() bool { return a.output == "json" }

// connect returns a client of the Redis that the flags name. It does not talk to it yet.
func (a *app) connect() (redis.UniversalClient, error) {
	opts, err := a.connection.options()
	if err != nil {
		return nil, err
	}
	return redis.NewUniversalClient(opts), nil
}

// withPublisher calls f with a publisher, in the time that --timeout gives.
func (a *app) withPublisher(ctx context.Context, as string, f func(context.Context, *fleetdial.Publisher) error) error {
	p, done, err := a.publisher(fleetdial.PublisherConfig{PublishedBy: as})
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := a.timed(ctx)
	defer cancel()
	return f(ctx, p)
}

// writer returns a publisher for a command that writes, and what ends its client.
func (a *app) writer(w writeFlags) (p *fleetdial.Publisher, done func(), err error) {
	cfg := fleetdial.PublisherConfig{PublishedBy: w.as}
	if w.signKey != "" {
		if cfg.SignKey, err = readSignKey(w.signKey); err != nil {
			return nil, nil, err
		}
	} else if len(a.verifyFiles) > 0 {
		return nil, nil, usagef("a fleet with --verify-key takes only what is signed: name the key with --sign-key")
	}
	return a.publisher(cfg)
}

// publisher returns a publisher, and what ends its client.
func (a *app) publisher(cfg fleetdial.PublisherConfig) (p *fleetdial.Publisher, done func(), err error) {
	if a.verifyKeys, err = readVerifyKeys(a.verifyFiles); err != nil {
		return nil, nil, err
	}
	client, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	cfg.Fleet, cfg.VerifyKeys = a.fleet, a.verifyKeys
	p, err = fleetdial.NewPublisher(client, cfg)
	if err != nil {
		_ = client.Close()
		return nil, nil, &usageError{err}
	}
	return p, func() { _ = client.Close() }, nil
}

// timed bounds what is asked of Redis by --timeout.
func (a *app) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.timeout)
}

// operator is who publishes unless told otherwise: user@host.
func operator() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// isTerminal reports whether a stream is one that an operator sits at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// noRevision says in the operator's words that there is no key.
func (a *app) noRevision(err error) error {
	if errors.Is(err, fleetdial.ErrNoRevision) {
		return fmt.Errorf("nothing is published in fleet %q", a.fleet)
	}
	return err
}
