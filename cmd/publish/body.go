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
)

// publishFile makes the set that a file describes the fleet's.
func (a *app) publishFile(ctx context.Context, file string, w writeFlags) error {
	if err := w.checkMaxTTL(); err != nil {
		return err
	}
	body, err := a.readBody(ctx, file)
	if err != nil {
		return err
	}
	// A body that is wrong is refused whether Redis is there or not.
	if _, err := body.parse(time.Now(), w.maxTTL); err != nil && !isAboutTime(err) {
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
	return a.publish(ctx, p, w, func(ctx context.Context, opts fleetdial.PublishOptions) (fleetdial.Revision, error) {
		return p.Publish(ctx, set, opts)
	})
}

func (a *app) redisTime(ctx context.Context, p *fleetdial.Publisher) (time.Time, error) {
	ctx, cancel := a.timed(ctx)
	defer cancel()
	return p.Now(ctx)
}

// isAboutTime reports whether a body was refused for an expiry, which depends on the clock.
func isAboutTime(err error) bool {
	invalid, ok := errors.AsType[*fleetdial.ValidationError](err)
	return ok && strings.HasSuffix(invalid.Path, ".expires_at")
}

// isInvalid reports whether an error says that a set, wherever it is from, is not valid.
func isInvalid(err error) bool {
	_, invalid := errors.AsType[*fleetdial.ValidationError](err)
	_, malformed := errors.AsType[*fleetdial.MalformedError](err)
	return invalid || malformed
}

// body is a publish body and where it came from.
type body struct {
	file string
	data []byte
	yaml bool
}

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

// readFile reads a file, or stdin for "-": of what is longer than the limit, one byte more. A pipe may keep it waiting,
// so that it ends with ctx, and leaves what waits to the end of the process.
func (a *app) readFile(ctx context.Context, file string, limit int64) ([]byte, error) {
	if file == "" {
		return nil, usagef("name a file with -f; - is stdin")
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

// readAll reads at most that many bytes.
func (a *app) readAll(file string, most int64) ([]byte, error) {
	in := a.stdin
	if file != "-" {
		f, err := os.Open(file) // of a FIFO, it waits for one who writes
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most))
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

func (b *body) parse(now time.Time, maxTTL time.Duration) (*fleetdial.Set, error) {
	set, err := fleetdial.ParseSetWith(b.data, now, fleetdial.ParseOptions{MaxTTL: maxTTL, YAML: b.yaml})
	if err != nil {
		return nil, &refusedError{fmt.Errorf("%s: %w", inputName(b.file), err)}
	}
	return set, nil
}
