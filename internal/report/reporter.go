// Package report writes an instance's row of the roster.
package report

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/host"
	"github.com/fleetdial/fleetdial/internal/pace"
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
	// GoneAfter is after how many report intervals without a report an instance counts as gone.
	// Its report lives as long.
	GoneAfter = 3
	// pruneEvery is after how many reports an instance prunes the roster.
	pruneEvery = 100
	// reportTimeout bounds each report, and leaveTimeout the removal of the row by Close.
	reportTimeout, leaveTimeout = 3 * time.Second, 500 * time.Millisecond
)

// View is what a report is made of.
type View struct {
	Status follow.Status
	// Epoch is the local time at which the fleet's clock read zero, zero before the first
	// measurement, and RoundTrip how long the last measurement took.
	Epoch     time.Time
	RoundTrip time.Duration
}

// Config configures a Reporter. All of it is required, except Labels.
type Config struct {
	Client *redisstore.Client
	// Name and Labels are the instance's, and Interval is how often it reports.
	Name     string
	Labels   map[string]string
	Interval time.Duration
	View     func() *View
	Log      *slog.Logger
}

// Reporter writes reports on a goroutine of its own. It waits for nobody, and nobody for it.
type Reporter struct {
	Config
	began   time.Time
	version string        // of fleetdial
	wake    chan struct{} // has room for one

	// written counts the reports, attempted says that there may be a row to remove, and silenced
	// that a rejected report has been logged.
	written             int
	attempted, silenced bool
}

// New returns a reporter that has written nothing yet.
func New(cfg Config) *Reporter {
	return &Reporter{Config: cfg, began: time.Now(), version: host.LibraryVersion(), wake: make(chan struct{}, 1)}
}

// Ask has a report written, soon. It never blocks.
func (r *Reporter) Ask() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run writes reports until ctx ends, and then removes the row.
func (r *Reporter) Run(ctx context.Context) {
	defer r.leave()
	for {
		every := r.Interval
		timer := time.NewTimer(every - rand.N(every/5+1))
		select {
		case <-r.wake:
			pace.Sleep(ctx, rand.N(min(jitterFactor*r.View().RoundTrip, longestJitter)+1))
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		r.report()
		if !pace.Sleep(ctx, min(reportGap, every)) {
			return
		}
	}
}

// report writes the row. Connection errors are not logged here, because Status reports them.
// If Redis rejects the write, for example because the ACL user is read-only, report logs that
// once.
func (r *Reporter) report() {
	v := r.View()
	if v.Epoch.IsZero() {
		return // nothing has been read yet
	}
	// Close does not interrupt a report: one whose reply is not awaited could be executed after
	// the removal of the row.
	ctx, cancel := context.WithTimeout(context.Background(), reportTimeout)
	defer cancel()
	r.attempted = true
	now := time.UnixMilli(time.Since(v.Epoch).Milliseconds())
	err := r.Client.WriteReport(ctx, r.Name, wire.EncodeReport(r.compose(v)),
		GoneAfter*r.Interval, now, r.written%pruneEvery == 0)
	switch {
	case err == nil:
		r.silenced = false
		r.written++
	case redisstore.IsReply(err) && !r.silenced:
		r.silenced = true
		r.Log.Warn("fleetdial: report rejected by Redis", "instance", r.Name, "err", err)
	}
}

// leave removes the row.
func (r *Reporter) leave() {
	if !r.attempted {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = r.Client.RemoveReport(ctx, r.Name)
}

// compose returns what the status says, by the clock of Redis.
func (r *Reporter) compose(v *View) *wire.Report {
	byRedis := func(local time.Time) time.Time { return time.UnixMilli(max(0, local.Sub(v.Epoch).Milliseconds())) }
	s := &v.Status
	out := &wire.Report{
		Instance: r.Name, Fleetdial: r.version, Labels: r.Labels, StartedAt: byRedis(r.began),
		WrittenAt: byRedis(time.Now()), Every: r.Interval, State: s.State, Since: byRedis(s.Since),
		Source: s.Source, ClockOffset: s.ClockOffset, Counters: counters(&s.Counters),
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	if s.Source != wire.SourceStart {
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
func counters(c *follow.Counters) map[string]int64 {
	out := map[string]int64{
		"announcements": c.Announcements, "fetches": c.Fetches, "applies": c.Applies, "corrections": c.Corrections,
		"reconnects": c.Reconnects, "regressions": c.Regressions, "clock_jumps": c.ClockJumps,
	}
	for reason, n := range c.Rejections {
		out["rejections."+string(reason)] = n
	}
	return out
}
