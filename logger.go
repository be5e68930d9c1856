package fleetdial

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// SetLogger replaces SubscriberConfig.Logger. A nil logger stands for the result of
// slog.Default() at the time of the call. A line that is written during the call may go
// to the earlier Logger. SetLogger never blocks.
func (s *Subscriber) SetLogger(logger *slog.Logger) { s.logs.set(logger) }

// logSwitch holds the handler of a Subscriber's log lines. The loggers of all parts of
// the Subscriber use the same logSwitch.
type logSwitch struct{ handler atomic.Pointer[slog.Handler] }

// newLogSwitch returns a logSwitch with the handler of a logger, and a logger that uses
// the logSwitch.
func newLogSwitch(to *slog.Logger) (*logSwitch, *slog.Logger) {
	l := new(logSwitch)
	l.set(to)
	return l, slog.New(&switchedHandler{to: l, with: func(h slog.Handler) slog.Handler { return h }})
}

func (l *logSwitch) set(to *slog.Logger) {
	if to == nil {
		to = slog.Default()
	}
	h := to.Handler()
	l.handler.Store(&h)
}

// switchedHandler passes each record to the current handler of its logSwitch.
type switchedHandler struct {
	to *logSwitch
	// with adds the attributes and groups of a logger to the handler.
	with func(slog.Handler) slog.Handler
}

var _ slog.Handler = (*switchedHandler)(nil)

func (h *switchedHandler) current() slog.Handler { return h.with(*h.to.handler.Load()) }

// Enabled reports whether the current handler handles records of the level.
func (h *switchedHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.current().Enabled(ctx, level)
}

// Handle hands the record to the current handler.
func (h *switchedHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.current().Handle(ctx, r)
}

// WithAttrs returns a handler that adds the attributes to each record.
func (h *switchedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.derive(func(base slog.Handler) slog.Handler { return base.WithAttrs(attrs) })
}

// WithGroup returns a handler that puts the attributes of each record into a group.
func (h *switchedHandler) WithGroup(name string) slog.Handler {
	return h.derive(func(base slog.Handler) slog.Handler { return base.WithGroup(name) })
}

func (h *switchedHandler) derive(add func(slog.Handler) slog.Handler) slog.Handler {
	return &switchedHandler{to: h.to, with: func(base slog.Handler) slog.Handler { return add(h.with(base)) }}
}
