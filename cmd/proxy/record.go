package main

import (
	"log/slog"
	"time"

	"github.com/fleetdial/fleetdial"
)

// record is the recorded form of an exchange: ids, names, sizes, status and times. It
// never contains a value of a document, query, header or credential, and never the
// principal. A record takes at most 3 KB.
type record struct {
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id"`
	Directive string    `json:"directive,omitempty"`
	Level     string    `json:"level"`
	Method    string    `json:"method"`
	Endpoint  string    `json:"endpoint"`
	Tenant    string    `json:"tenant,omitempty"`
	Index     string    `json:"index,omitempty"`
	Status    int       `json:"status"`
	Failure   string    `json:"failure,omitempty"`
	In        int64     `json:"request_bytes"`
	Out       int64     `json:"response_bytes"`
	Timing    *timing   `json:"timing,omitempty"`
	Rewrites  *rewrites `json:"rewrites,omitempty"`
}

// timing is the stages of an exchange, in microseconds.
type timing struct {
	Request  int64 `json:"request_us"`
	Upstream int64 `json:"upstream_us"`
	Response int64 `json:"response_us"`
	Total    int64 `json:"total_us"`
}

func (e *exchange) record(s stages) record {
	out := record{
		Time: e.began.UTC(), RequestID: e.request.ID, Directive: e.decision.By, Level: e.decision.Level.String(),
		Method: e.method, Endpoint: e.request.Endpoint.String(), Tenant: e.request.Tenant, Index: e.request.Index,
		Status: e.status, Failure: e.failure(), In: e.in.size(), Out: e.out.size(),
	}
	if e.decision.Level >= fleetdial.ShapeTiming {
		out.Timing = &timing{
			s.Request.Microseconds(), s.Upstream.Microseconds(), s.Response.Microseconds(), s.Total.Microseconds(),
		}
	}
	if e.decision.Level >= fleetdial.ShapeRewriteDiff {
		out.Rewrites = e.changes
	}
	return out
}

// attrs returns the log attributes of the record. The time and the directive are not part
// of them, because the handlers add both.
func (r record) attrs() []slog.Attr {
	out := []slog.Attr{
		slog.String("request_id", r.RequestID), slog.String("decided", r.Level), slog.String("method", r.Method),
		slog.String("endpoint", r.Endpoint), slog.String("tenant", r.Tenant), slog.String("index", r.Index),
		slog.Int("status", r.Status), slog.Int64("request_bytes", r.In), slog.Int64("response_bytes", r.Out),
	}
	if r.Failure != "" {
		out = append(out, slog.String("failure", r.Failure))
	}
	if r.Timing != nil {
		out = append(out, slog.Any("timing", r.Timing))
	}
	if r.Rewrites != nil {
		out = append(out, slog.Any("rewrites", r.Rewrites))
	}
	return out
}
