package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/connection"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// app is one run of the command: its streams, and the flags of all subcommands.
type app struct {
	stdin  io.Reader
	stdout *dataWriter
	stderr io.Writer

	connection connection.Flags
	// urlIsArgument says that the URL is from the command line, not from the environment.
	urlIsArgument bool
	target        target

	fleet    string
	output   string
	colour   string
	noColour bool // NO_COLOR is set
	dumb     bool // the terminal cannot move its cursor
	timeout  time.Duration
	quiet    bool

	verifyFiles []string
	verifyKeys  []ed25519.PublicKey
	// defaultSignKey is the default of --sign-key.
	defaultSignKey string
}

// run runs the command with these arguments and returns its exit code.
func run(
	ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string,
) int {
	// The log of go-redis is discarded, because the command reports its errors.
	redis.SetLogger(silent{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &app{
		stdin: stdin, stdout: &dataWriter{Writer: stdout, end: cancel}, stderr: stderr,
		defaultSignKey: getenv("FLEETDIAL_SIGN_KEY"), noColour: getenv("NO_COLOR") != "", dumb: getenv("TERM") == "dumb",
	}
	root := a.command(getenv)
	if !isCompletion(args) { // cobra parses the flags of a command line that it completes twice
		strictFlags(root)
	}
	root.SetArgs(append([]string{}, args...)) // cobra reads os.Args instead of nil
	err := a.stdout.orFailure(root.ExecuteContext(ctx))
	a.reportError(args, err)
	return exitCode(err)
}

// silent is a logger of go-redis that discards everything.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// messagef writes a message to stderr, except with --quiet.
func (a *app) messagef(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// check rejects values of flags that cobra accepts.
func (a *app) check() error {
	if !slices.Contains(outputFormats, a.output) {
		return usagef("--output: unknown format %q%s (table, wide or json)", a.output, didYouMean("", a.output, outputFormats))
	}
	if colours := []string{"auto", "always", "never"}; !slices.Contains(colours, a.colour) {
		return usagef("--color: unknown value %q%s (auto, always or never)", a.colour, didYouMean("", a.colour, colours))
	}
	if slices.Contains(a.verifyFiles, "") {
		return usagef("FLEETDIAL_VERIFY_KEY: holds an empty file name")
	}
	if a.timeout <= 0 {
		return usagef("--timeout: must be positive")
	}
	if a.showsPassword() {
		a.messagef("warning: --redis-url holds a password, which every user of this machine can read in the " +
			"list of processes; pass the URL in FLEETDIAL_REDIS_URL")
	}
	return nil
}

var outputFormats = []string{"table", "wide", "json"}

func (a *app) json() bool { return a.output == "json" }

// withPublisher calls f with a publisher for reading, and with a context that ends
// after --timeout.
func (a *app) withPublisher(ctx context.Context, f func(context.Context, *fleetdial.Publisher) error) error {
	p, done, err := a.publisher(fleetdial.PublisherConfig{})
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := a.timed(ctx)
	defer cancel()
	return f(ctx, p)
}

// writer returns a publisher for a command that writes. The caller has to call done.
func (a *app) writer(w writeFlags) (p *fleetdial.Publisher, done func(), err error) {
	cfg := fleetdial.PublisherConfig{PublishedBy: w.as, MaxTTL: w.maxTTL}
	if w.signKey != "" {
		if cfg.SignKey, err = readSignKey(w.signKey); err != nil {
			return nil, nil, err
		}
	} else if len(a.verifyFiles) > 0 {
		return nil, nil, usagef("--verify-key: the fleet accepts only signed sets (pass --sign-key FILE)")
	}
	return a.publisher(cfg)
}

// publisher returns a publisher. The caller has to call done.
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

// operator returns the default of --as, user@host.
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

// noRevisionError replaces [fleetdial.ErrNoRevision] by an error that names the fleet, and
// the fleet that may be meant.
func (a *app) noRevisionError(err error) error {
	if errors.Is(err, fleetdial.ErrNoRevision) {
		return &noFleetError{fmt.Sprintf("fleet %q: no current revision%s", a.fleet, a.fleetHint())}
	}
	return err
}

// fleetHint names the fleet that may be meant. The context of the request may have ended. The
// search takes a second at most.
func (a *app) fleetHint() string { return plain.Hint(a.fleet, a.completeFleets(context.Background())) }

// noVersionError adds the versions of the history to [fleetdial.ErrNotInHistory], or the fleets
// that exist if this one has no history.
func (a *app) noVersionError(ctx context.Context, p *fleetdial.Publisher, err error) error {
	if !errors.Is(err, fleetdial.ErrNotInHistory) {
		return err
	}
	entries, historyErr := p.History(ctx)
	switch {
	case historyErr != nil:
		return err
	case len(entries) == 0:
		if text := a.unknownFleet(ctx, p); text != "" {
			return &noFleetError{text}
		}
		return &noFleetError{fmt.Sprintf("fleet %q: no history%s", a.fleet, a.fleetHint())}
	}
	return fmt.Errorf("%w (%s)", err, overview.VersionsHeld(entries))
}
