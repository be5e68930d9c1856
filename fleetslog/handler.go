// Package fleetslog lets log records through by the decision on the request that they belong to.
package fleetslog

import (
	"context"
	"log/slog"

	"github.com/fleetdial/fleetdial"
)

// DirectiveKey is the key of the attribute that names the directive to which a record owes that it was let through.
const DirectiveKey = "directive"

// Config says which records a decision opens. The zero value works.
type Config struct {
	// Opens gives, for each level of a decision, the lowest slog level that is let through for its requests; what is not
	// in it opens nothing. Nil is Info for Shape, Debug for ShapeTiming, and everything for ShapeRewriteDiff.
	Opens map[fleetdial.Level]slog.Level
}

// everything is lower than the levels that programs use.
const everything = slog.Level(-1 << 20)

// never is higher than any.
const never = slog.Level(1 << 20)

// Handler is a slog.Handler around another, whose own level it lowers for requests on which a directive says so. It takes
// the decision from the context of each call, so only calls with one, such as slog.DebugContext, are concerned. It is
// safe for concurrent use if the other is.
type Handler struct {
	next  slog.Handler
	opens [fleetdial.ShapeRewriteDiff + 1]slog.Level
}

var _ slog.Handler = (*Handler)(nil)

// New returns a handler around next, which has to handle records that its own Enabled turns down, as slog's handlers do.
func New(next slog.Handler, cfg Config) *Handler {
	if cfg.Opens == nil {
		cfg.Opens = map[fleetdial.Level]slog.Level{
			fleetdial.Shape: slog.LevelInfo, fleetdial.ShapeTiming: slog.LevelDebug, fleetdial.ShapeRewriteDiff: everything,
		}
	}
	h := &Handler{next: next}
	for level := range h.opens {
		h.opens[level] = never
		if opened, ok := cfg.Opens[fleetdial.Level(level)]; ok {
			h.opens[level] = opened
		}
	}
	return h
}

// Enabled reports whether the handler around which this one is takes the level, or the request's decision opens it. It
// does not allocate.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level) || level >= h.opens[fleetdial.DecisionFrom(ctx).Level]
}

// Handle hands the record on, with the directive's id if it is there only for the sake of that.
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	if d := fleetdial.DecisionFrom(ctx); d.By != "" && !h.next.Enabled(ctx, record.Level) {
		record = record.Clone()
		record.AddAttrs(slog.String(DirectiveKey, d.By))
	}
	return h.next.Handle(ctx, record)
}

// WithAttrs returns a handler whose records have these attributes too.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{next: h.next.WithAttrs(attrs), opens: h.opens}
}

// WithGroup returns a handler whose records' attributes, the directive's id among them, are in this group.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{next: h.next.WithGroup(name), opens: h.opens}
}
