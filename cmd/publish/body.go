package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// publishFile publishes the set in a file.
func (a *app) publishFile(ctx context.Context, file string, merge bool, w writeFlags) error {
	if err := w.checkMaxTTL(); err != nil {
		return err
	}
	body, err := a.readBody(ctx, file)
	if err != nil {
		return err
	}
	// An invalid body is rejected even if Redis is unreachable.
	if _, err := body.parse(time.Now(), w.maxTTL); err != nil && !dependsOnTime(err) {
		return err
	}
	p, done, err := a.writer(w)
	if err != nil {
		return err
	}
	defer done()
	now, err := a.redisTime(ctx, p)
	if err != nil {
		return err
	}
	set, err := body.parse(now, w.maxTTL)
	if err != nil {
		return err
	}
	if merge {
		merged := func(_ context.Context, current fleetdial.Revision) (*fleetdial.Set, error) {
			return review.Merge(current.Set, set, now)
		}
		return a.publish(ctx, p, w, change{set: merged, creates: true})
	}
	whole := func(context.Context, fleetdial.Revision) (*fleetdial.Set, error) { return set, nil }
	others := func(ctx context.Context, from fleetdial.Revision, diff fleetdial.Diff) []string {
		return a.othersEnded(ctx, p, from, diff, w.as, now)
	}
	return a.publish(ctx, p, w, change{set: whole, replaces: true, creates: true, warnings: others})
}

// redisTime returns the time of Redis' clock, for a command that writes afterwards.
func (a *app) redisTime(ctx context.Context, p *fleetdial.Publisher) (time.Time, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	now, err := p.Now(ctx)
	if err != nil {
		err = fmt.Errorf("nothing was written: %w", err)
	}
	return now, err
}

// dependsOnTime reports whether a body was rejected because of an expiry, which may be
// valid by the clock of Redis.
func dependsOnTime(err error) bool {
	invalid, ok := errors.AsType[*fleetdial.ValidationError](err)
	return ok && strings.HasSuffix(invalid.Path, ".expires_at")
}

// body is a publish body and its file.
type body struct {
	file string
	data []byte
	yaml bool
}

// readBody reads a publish body. A file with an extension other than .json, .yaml or .yml
// is JSON if it begins with a brace, and YAML otherwise.
func (a *app) readBody(ctx context.Context, file string) (*body, error) {
	data, err := a.readFile(ctx, file, fleetdial.MaxBodyBytes)
	if err != nil {
		return nil, err
	}
	b := &body{file: file, data: data}
	switch strings.ToLower(filepath.Ext(file)) {
	case ".json":
	case ".yaml", ".yml":
		b.yaml = true
	default:
		b.yaml = !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
	}
	return b, nil
}

// readFile reads a file, or stdin for "-". Of a longer file, readFile returns limit+1
// bytes. A pipe can block the read for ever: readFile returns when ctx ends, and the
// blocked goroutine ends with the process.
func (a *app) readFile(ctx context.Context, file string, limit int64) ([]byte, error) {
	if file == "" {
		return nil, usagef("no file: pass -f FILE, or -f - for stdin")
	}
	type content struct {
		data []byte
		err  error
	}
	read := make(chan content, 1)
	go func() {
		data, err := a.readAll(file, limit+1)
		read <- content{data, err}
	}()
	select {
	case c := <-read:
		return c.data, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", inputName(file), ctx.Err())
	}
}

// readAll reads at most limit bytes.
func (a *app) readAll(file string, limit int64) ([]byte, error) {
	in := a.stdin
	if file != "-" {
		f, err := os.Open(file) // opening a FIFO blocks until it has a writer
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", inputName(file), err)
	}
	return data, nil
}

func inputName(file string) string {
	if file == "-" {
		return "stdin"
	}
	return file
}

// maxFaults bounds the faults of a file in an error.
const maxFaults = 20

// parse returns the set that the body describes, with TTLs that count from now. Its error
// lists the faults of the body.
func (b *body) parse(now time.Time, maxTTL time.Duration) (*fleetdial.Set, error) {
	opts := fleetdial.ParseOptions{MaxTTL: maxTTL, YAML: b.yaml}
	set, err := fleetdial.ParseSetWith(b.data, now, opts)
	if err != nil {
		return nil, &rejectedError{b.describe(fleetdial.BodyFaults(b.data, now, opts, maxFaults+1), err)}
	}
	return set, nil
}

// describe describes the faults of the body in one line each. err is the first fault.
func (b *body) describe(faults []fleetdial.BodyFault, err error) error {
	var lines []string
	for _, f := range faults {
		line := f.Reason
		if f.Path != "" {
			line = f.Path + ": " + line
		}
		if f.Line > 0 {
			line += fmt.Sprintf(", at line %d, column %d", f.Line, f.Column)
		}
		lines = append(lines, line)
	}
	if len(lines) == 1 {
		return &bodyError{inputName(b.file) + ": " + lines[0], err}
	}
	count := fmt.Sprintf("%d faults", len(lines))
	if len(lines) > maxFaults {
		count, lines = fmt.Sprintf("more than %d faults", maxFaults), lines[:maxFaults]
	}
	return &bodyError{fmt.Sprintf("%s: %s\n  %s", inputName(b.file), count, strings.Join(lines, "\n  ")), err}
}

// bodyError is the error of a body with faults.
type bodyError struct {
	text  string
	first error
}

func (e *bodyError) Error() string { return e.text }
func (e *bodyError) Unwrap() error { return e.first }
