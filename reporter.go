package fleetdial

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/fleetdial/fleetdial/internal/host"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// reportGap is the least time between two reports, so that a storm of publishes causes no
	// storm of reports.
	reportGap = 100 * time.Millisecond
	// A report waits at random for up to jitterFactor times as long as the last measurement
	// took, and longestJitter at most: the longer that took, the busier Redis is with the
	// fetches of other instances.
	jitterFactor, longestJitter = 10, 250 * time.Millisecond
	// goneAfter is after how many report intervals without a report an instance counts as gone.
	// Its report lives as long.
	goneAfter = 3
	// pruneEvery is after how many reports an instance prunes the roster.
	pruneEvery = 100
	// reportTimeout bounds each report, and leaveTimeout the removal of the row by Close.
	reportTimeout, leaveTimeout = 3 * time.Second, 500 * time.Millisecond
)

// reporter is the goroutine that writes a subscriber's row of the roster. It waits for nobody,
// and nobody for it.
type reporter struct {
	client  *redisstore.Client
	view    *atomic.Pointer[view]
	log     *slog.Logger
	ctx     context.Context
	cfg     SubscriberConfig
	began   time.Time
	library string        // the version of fleetdial
	wake    chan struct{} // has room for one

	// written counts the reports, attempted says that there may be a row to remove, and silenced
	// that a rejected report has been logged.
	written             int
	attempted, silenced bool
}

func newReporter(s *Subscriber) *reporter {
	return &reporter{
		client: s.client, view: &s.view, log: s.log, ctx: s.ctx, cfg: s.cfg,
		began: time.Now(), library: host.LibraryVersion(), wake: make(chan struct{}, 1),
	}
}

// ask has a report written, soon. It never blocks.
func (r *reporter) ask() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) run() {
	defer r.leave()
	for {
		every := r.cfg.ReportInterval
		timer := time.NewTimer(every - rand.N(every/5+1))
		select {
		case <-r.wake:
			sleep(r.ctx, rand.N(min(jitterFactor*r.view.Load().roundTrip, longestJitter)+1))
		case <-timer.C:
		case <-r.ctx.Done():
		}
		timer.Stop()
		if r.ctx.Err() != nil {
			return
		}
		r.report()
		if !sleep(r.ctx, min(reportGap, every)) {
			return
		}
	}
}

// report writes the row. Connection errors are not logged here, because Status reports them.
// If Redis rejects the write, for example because the ACL user is read-only, report logs that
// once.
func (r *reporter) report() {
	v := r.view.Load()
	if v.epoch.IsZero() {
		return // nothing has been read yet
	}
	// Close does not interrupt a report: one whose reply is not awaited could be executed after
	// the removal of the row.
	ctx, cancel := context.WithTimeout(context.Background(), reportTimeout)
	defer cancel()
	r.attempted = true
	now := time.UnixMilli(time.Since(v.epoch).Milliseconds())
	err := r.client.WriteReport(ctx, r.cfg.Instance, wire.EncodeReport(r.compose(v)),
		goneAfter*r.cfg.ReportInterval, now, r.written%pruneEvery == 0)
	switch {
	case err == nil:
		r.silenced = false
		r.written++
	case redisstore.IsReply(err) && !r.silenced:
		r.silenced = true
		r.log.Warn("fleetdial: report rejected by Redis", "instance", r.cfg.Instance, "err", err)
	}
}

// leave removes the row.
func (r *reporter) leave() {
	if !r.attempted {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = r.client.RemoveReport(ctx, r.cfg.Instance)
}

// compose returns what the status says, by the clock of Redis.
func (r *reporter) compose(v *view) *wire.Report {
	byRedis := func(local time.Time) time.Time { return time.UnixMilli(max(0, local.Sub(v.epoch).Milliseconds())) }
	s := &v.status
	out := &wire.Report{
		Instance: r.cfg.Instance, Fleetdial: r.library, Labels: r.cfg.Labels, StartedAt: byRedis(r.began),
		WrittenAt: byRedis(time.Now()), Every: r.cfg.ReportInterval, State: s.State, Since: byRedis(s.Since),
		Source: s.Source, ClockOffset: s.ClockOffset, Counters: counters(&s.Counters),
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	if s.Source != SourceStart {
		out.Applied = &wire.Applied{
			Version: s.Revision.Version, ID: s.Revision.ID, PublishedAt: s.Revision.PublishedAt,
			At: byRedis(s.AppliedAt), Digest: s.Digest,
		}
		if s.Revision.Verified {
			out.Applied.SignedBy = s.Revision.SignedBy
		}
	}
	if j := s.Rejected; j != nil {
		out.Rejected = &wire.Rejected{
			Version: j.Version, ID: j.ID, Reason: j.Reason, Error: j.Err.Error(), At: byRedis(j.At),
		}
	}
	return out
}

// counters returns the counters as reports write them.
func counters(c *Counters) map[string]int64 {
	out := map[string]int64{
		"announcements": c.Announcements, "fetches": c.Fetches, "applies": c.Applies, "corrections": c.Corrections,
		"reconnects": c.Reconnects, "regressions": c.Regressions, "clock_jumps": c.ClockJumps,
	}
	for reason, n := range c.Rejections {
		out["rejections."+string(reason)] = n
	}
	return out
}

// sleep reports whether that time passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
