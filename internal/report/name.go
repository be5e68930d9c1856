package report

import (
	"context"
	"time"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// maxDrift is how far the time at which the reporter began, by the clock of Redis, may be from
// what that clock shows now. Beyond that, the clock was put right.
const maxDrift = time.Second

// begin sets startedAt. Later measurements of the clock differ by milliseconds, but startedAt
// stays, so that two reporters always agree which of them began later. suspended is for how long
// the machine was suspended since then, which the local clock does not show.
func (r *Reporter) begin(v *View, suspended time.Duration) {
	if at := v.byRedis(r.began.Add(-suspended)); r.startedAt.IsZero() || at.Sub(r.startedAt).Abs() > maxDrift {
		r.startedAt = at
	}
}

// choose sets the name that the reporter reports under. Of two instances with one name, the one
// that began later has it, so that a restarted process takes over the row of its predecessor at
// once. The other one moves aside, and moves back when the name is free. If the row cannot be
// read, the name stays.
func (r *Reporter) choose(ctx context.Context, v *View) {
	defer r.removeLeft(ctx)
	head, err := r.Client.ReportHead(ctx, r.Name, wire.OwnerBytes)
	if err != nil {
		return
	}
	row := r.Name
	if owner, ok := wire.DecodeOwner(head); ok && r.yieldsTo(owner, v.byRedis(time.Now())) {
		row = wire.AsideName(r.Name, r.run)
	}
	if row == r.row {
		return
	}
	r.left, r.row = r.row, row
	if row == r.Name {
		return
	}
	r.left = "" // the name's row is of the other run now
	if !r.warned {
		r.warned = true
		r.Log.Warn("fleetdial: the name of the instance is used by two instances", "instance", r.Name, "reports_as", row)
	}
}

// removeLeft removes the row that the reporter has left. If that fails, the next call tries again.
func (r *Reporter) removeLeft(ctx context.Context) {
	if r.left != "" && r.Client.RemoveReport(ctx, r.left, wire.OwnerBytes, r.isOwn) == nil {
		r.left = ""
	}
}

// yieldsTo reports whether a row is that of a live run that began later. A row with times ahead
// of now is not: it is forged, or from before the clock of Redis was put right.
func (r *Reporter) yieldsTo(o wire.Owner, now time.Time) bool {
	latest := now.Add(redisstore.MaxAhead)
	if o.Run == r.run || o.StartedAt.After(latest) || o.WrittenAt.After(latest) {
		return false
	}
	if now.Sub(o.WrittenAt) > Silence(o.Every) {
		return false
	}
	if o.StartedAt.Equal(r.startedAt) {
		return o.Run > r.run
	}
	return o.StartedAt.After(r.startedAt)
}

// Silence returns how long an instance with a report interval may be silent before it counts as
// gone.
func Silence(every time.Duration) time.Duration { return goneAfter * min(every, longestInterval) }

// isOwn reports whether the first bytes of a report are of this run. Without a report, which Redis
// may have evicted, the row counts as its own: another run of that name would write it again with
// its next report.
func (r *Reporter) isOwn(head []byte) bool {
	if len(head) == 0 {
		return true
	}
	owner, ok := wire.DecodeOwner(head)
	return ok && owner.Run == r.run
}
