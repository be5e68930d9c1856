// Package fleetslog lowers the log level of a slog handler for the requests that a
// directive matches.
package fleetslog

import (
	"context"
	"log/slog"

	"github.com/fleetdial/fleetdial"
)

// DirectiveKey is the key of the attribute with the id of the directive because of which
// a record was written.
const DirectiveKey = "directive"

// Config configures [New]. The zero value works.
type Config struct {
	// Opens maps the level of a decision to the lowest slog level that the handler writes
	// for the request. A level that is not in the map changes nothing. The default is
	// Info for Shape, Debug for ShapeTiming, and all levels for ShapeRewriteDiff.
	Opens map[fleetdial.Level]slog.Level
}

const (
	// lowestLevel is lower than the levels that programs use.
	lowestLevel = slog.Level(-1 << 20)
	// highestLevel is higher than the levels that programs use.
	highestLevel = slog.Level(1 << 20)
)

// Handler is a [slog.Handler] around another handler. It lowers the level of that handler
// for a request that a directive matches. Handler reads the decision from the context of
// the log call, so it affects only calls with a context, such as [slog.DebugContext].
// Handler is safe for concurrent use if the other handler is.
type Handler struct {
	next  slog.Handler
	opens [fleetdial.ShapeRewriteDiff + 1]slog.Level
}

var _ slog.Handler = (*Handler)(nil)

// New returns a handler around next. The Handle method of next must accept records for
// which its Enabled method returns false, as the handlers of slog do. A nil next is
// [slog.DiscardHandler].
func New(next slog.Handler, cfg Config) *Handler {
	if next == nil {
		next = slog.DiscardHandler
	}
	if cfg.Opens == nil {
		cfg.Opens = map[fleetdial.Level]slog.Level{
			fleetdial.Shape: slog.LevelInfo, fleetdial.ShapeTiming: slog.LevelDebug, fleetdial.ShapeRewriteDiff: lowestLevel,
		}
	}
	h := &Handler{next: next}
	for level := range h.opens {
		h.opens[level] = highestLevel
		if opened, ok := cfg.Opens[fleetdial.Level(level)]; ok {
			h.opens[level] = opened
		}
	}
	return h
}

// Enabled reports whether the other handler is enabled for the level, or the decision of
// the request opens the level. Enabled does not allocate.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level) || level >= h.opens[fleetdial.DecisionFrom(ctx).Level]
}

// Handle passes the record to the other handler. If that handler is not enabled for the
// level of the record, Handle adds the id of the directive under [DirectiveKey].
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	if d := fleetdial.DecisionFrom(ctx); d.By != "" && !h.next.Enabled(ctx, record.Level) {
		record = record.Clone()
		record.AddAttrs(slog.String(DirectiveKey, d.By))
	}
	return h.next.Handle(ctx, record)
}

// WithAttrs returns a handler that adds these attributes to each record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{next: h.next.WithAttrs(attrs), opens: h.opens}
}

// WithGroup returns a handler that puts the attributes of each record into this group.
// The group includes the attribute [DirectiveKey].
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{next: h.next.WithGroup(name), opens: h.opens}
}
