package fleetslog_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleetslog"
)

func at(level fleetdial.Level) context.Context {
	return fleetdial.WithDecision(context.Background(), fleetdial.Decision{Level: level, By: "acme"})
}

// TestHandler_DecisionOpensLevels logs at each slog level for each level of a decision. A
// "+" marks a record with the id of the directive.
func TestHandler_DecisionOpensLevels(t *testing.T) {
	t.Parallel()
	all := []slog.Level{slog.LevelDebug - 4, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn}
	for _, tt := range []struct {
		cfg    fleetslog.Config
		ctx    context.Context
		passed string
	}{
		{fleetslog.Config{}, context.Background(), "WARN"},
		{fleetslog.Config{}, at(fleetdial.Off), "WARN"},
		{fleetslog.Config{}, at(fleetdial.Shape), "INFO+ WARN"},
		{fleetslog.Config{}, at(fleetdial.ShapeTiming), "DEBUG+ INFO+ WARN"},
		{fleetslog.Config{}, at(fleetdial.ShapeRewriteDiff), "DEBUG-4+ DEBUG+ INFO+ WARN"},
		{fleetslog.Config{Opens: map[fleetdial.Level]slog.Level{}}, at(fleetdial.ShapeRewriteDiff), "WARN"},
		{fleetslog.Config{Opens: map[fleetdial.Level]slog.Level{fleetdial.Shape: slog.LevelDebug}}, at(fleetdial.Shape), "DEBUG+ INFO+ WARN"},
		{fleetslog.Config{Opens: map[fleetdial.Level]slog.Level{fleetdial.Shape: slog.LevelError}}, at(fleetdial.Shape), "WARN"},
	} {
		var out bytes.Buffer
		log := slog.New(fleetslog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}), tt.cfg))
		for _, level := range all {
			log.Log(tt.ctx, level, "m")
		}
		var passed []string
		for line := range strings.Lines(out.String()) {
			level := strings.TrimPrefix(strings.Fields(line)[1], "level=")
			if strings.Contains(line, "directive=acme") {
				level += "+"
			}
			passed = append(passed, level)
		}
		assert.Equal(t, tt.passed, strings.Join(passed, " "))
	}
}

func TestNew_NilHandlerDiscards(t *testing.T) {
	t.Parallel()
	log := slog.New(fleetslog.New(nil, fleetslog.Config{}))
	assert.NotPanics(t, func() { log.With("a", 1).WithGroup("g").InfoContext(at(fleetdial.Shape), "x") })
}

func TestHandler_KeepsAttrsAndGroups(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(fleetslog.New(slog.NewTextHandler(&out, nil), fleetslog.Config{}))
	log.With("a", 1).WithGroup("g").With("b", 2).DebugContext(at(fleetdial.ShapeTiming), "m", "c", 3)
	assert.Contains(t, out.String(), "a=1 g.b=2 g.c=3 g.directive=acme")
}

// undecided returns a logger at level Info, and a context without a decision. With
// wrapped, the logger has a Handler.
func undecided(wrapped bool) (*slog.Logger, context.Context) {
	var h slog.Handler = slog.NewTextHandler(io.Discard, nil)
	if wrapped {
		h = fleetslog.New(h, fleetslog.Config{})
	}
	return slog.New(h), context.Background()
}

func TestHandler_NoDecisionNoAlloc(t *testing.T) {
	log, ctx := undecided(true)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { log.DebugContext(ctx, "m") }))
}

func BenchmarkNoDecisionNoAlloc(b *testing.B) {
	for name, wrapped := range map[string]bool{"slog only": false, "with Handler": true} {
		b.Run(name, func(b *testing.B) {
			log, ctx := undecided(wrapped)
			b.ReportAllocs()
			for b.Loop() {
				log.DebugContext(ctx, "m")
			}
		})
	}
}
