// Package report writes an instance's row of the roster.
package report

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
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
	// took, and longestJitter at most: the longer that took, the busier Redis is. If it is known
	// over how long the fleet spreads its reports, that counts instead, except its first quietPart,
	// in which other instances fetch.
	jitterFactor, longestJitter = 10, 250 * time.Millisecond
	quietPart                   = 5
	// goneAfter is after how many report intervals without a report an instance counts as gone.
	// Of a longer interval than longestInterval, only that counts.
	goneAfter, longestInterval = 3, 24 * time.Hour
	// pruneEvery is after how many reports an instance prunes the roster.
	pruneEvery = 100
	// reportTimeout bounds each report, and leaveTimeout the removal of the row by Close.
	reportTimeout, leaveTimeout = 3 * time.Second, 500 * time.Millisecond
)

// View is what a report is made of.
type View struct {
	// Status has no digest, because Digest computes it.
	Status follow.Status
	Digest wire.LazyDigest
	// Epoch is the local time at which the fleet's clock read zero, zero before the first
	// measurement, and RoundTrip how long the last measurement took.
	Epoch     time.Time
	RoundTrip time.Duration
	// Set is the set in force, which counts.
	Set *directive.Set
}

// byRedis returns a local time by the clock of Redis, in whole milliseconds.
func (v *View) byRedis(local time.Time) time.Time {
	return time.UnixMilli(max(0, local.Sub(v.Epoch).Milliseconds()))
}

// Config configures a Reporter. All of it is required, except Labels, Capabilities and Verifies.
type Config struct {
	Client *redisstore.Client
	// Name, Labels and Capabilities are the instance's, and Interval is how often it reports.
	// Verifies says that it applies signed revisions only.
	Name         string
	Labels       map[string]string
	Capabilities []wire.Capability
	Verifies     bool
	Interval     time.Duration
	View         func() *View
	Log          *slog.Logger
}

// Reporter writes reports on a goroutine of its own. It waits for nobody, and nobody for it.
type Reporter struct {
	Config
	began   time.Time
	asleep  time.Duration // how long the machine had been suspended when the reporter began
	run     string        // random, and of this reporter only
	version string        // of fleetdial
	// wake has room for one report that is asked for, with its spread.
	wake chan time.Duration

	// startedAt is began by the clock of Redis, and row the name that the reporter reports under.
	// left is a row under another name that is still to be removed, if there is one.
	startedAt time.Time
	row, left string
	hits      hitsWindow

	// written counts the reports, attempted says that there may be a row to remove, and silenced
	// that a rejected report has been logged. Warned says that a shared name has been logged.
	written                     int
	attempted, silenced, warned bool
}

// New returns a reporter that has written nothing yet.
func New(cfg Config) *Reporter {
	return &Reporter{
		Config: cfg, began: time.Now(), asleep: host.Suspended(), run: wire.NewRun(), version: host.LibraryVersion(), row: cfg.Name,
		wake: make(chan time.Duration, 1), hits: hitsWindow{least: cfg.Interval / 2},
	}
}

// Ask has a report written within the time over which the fleet spreads its reports, or soon if
// that is 0. It never blocks.
func (r *Reporter) Ask(spread time.Duration) {
	select {
	case r.wake <- spread:
	default:
	}
}

// delay returns how long a report waits that was asked for.
func (r *Reporter) delay(spread time.Duration) time.Duration {
	if spread > 0 {
		quiet := spread / quietPart
		return quiet + rand.N(spread-quiet)
	}
	return rand.N(min(jitterFactor*r.View().RoundTrip, longestJitter) + 1)
}

// Run writes reports until ctx ends, and then removes the row.
func (r *Reporter) Run(ctx context.Context) {
	defer r.leave()
	timer := time.NewTimer(r.pause())
	defer timer.Stop()
	for {
		asked := false
		select {
		case spread := <-r.wake:
			asked = true
			pace.Sleep(ctx, r.delay(spread))
		case <-timer.C:
			timer.Reset(r.pause())
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}
		r.report(asked)
		if !pace.Sleep(ctx, min(reportGap, r.Interval)) {
			return
		}
	}
}

// pause returns the time until the next report that nobody asks for.
func (r *Reporter) pause() time.Duration { return r.Interval - rand.N(r.Interval/5+1) }

// report writes the row. Connection errors are not logged here, because Status reports them.
// If Redis rejects the write, for example because the ACL user is read-only, report logs that
// once.
//
// The first report, and each that nobody asked for, first finds out whose row that is. A report
// after an apply takes one round trip, because a publish waits for it.
func (r *Reporter) report(asked bool) {
	v := r.View()
	if v.Epoch.IsZero() {
		return // nothing has been read yet
	}
	// Close does not interrupt a report: one whose reply is not awaited could be executed after
	// the removal of the row.
	ctx, cancel := context.WithTimeout(context.Background(), reportTimeout)
	defer cancel()
	r.begin(v, host.Suspended()-r.asleep)
	if !asked || !r.attempted {
		r.choose(ctx, v)
	}
	r.attempted = true
	now := v.byRedis(time.Now())
	// The report outlives the instance, so that the roster can tell what it had applied.
	life := max(redisstore.RosterMemory, Silence(r.Interval))
	err := r.Client.WriteReport(ctx, r.row, wire.EncodeReport(r.compose(v)), life, now, r.written%pruneEvery == 0)
	switch {
	case err == nil:
		r.silenced = false
		r.written++
	case redisstore.IsReply(err) && !r.silenced:
		r.silenced = true
		r.Log.Warn("fleetdial: report rejected by Redis", "instance", r.row, "err", err)
	}
}

// leave removes the row, if it is still the reporter's.
func (r *Reporter) leave() {
	if !r.attempted {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = r.Client.RemoveReport(ctx, r.row, wire.OwnerBytes, r.isOwn)
	r.removeLeft(ctx)
}

// compose returns what the status says, by the clock of Redis.
func (r *Reporter) compose(v *View) *wire.Report {
	s := &v.Status
	out := &wire.Report{
		Instance: r.row, Run: r.run, Fleetdial: r.version, Labels: r.Labels, StartedAt: r.startedAt,
		WrittenAt: v.byRedis(time.Now()), Every: r.Interval, State: s.State, Since: v.byRedis(s.Since),
		Source: s.Source, ClockOffset: s.ClockOffset, Counters: counters(&s.Counters),
		Capabilities: r.Capabilities, Verifies: r.Verifies, MaxFormat: wire.MaxFormat,
		Hits: r.hits.report(v.Set, time.Now()),
	}
	if r.row != r.Name {
		out.Shared = r.Name
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	if s.Source != wire.SourceStart {
		out.Applied = &wire.Applied{
			Version: s.Revision.Version, ID: s.Revision.ID, PublishedAt: s.Revision.PublishedAt,
			At: v.byRedis(s.AppliedAt), Digest: v.Digest.String(),
		}
		if s.Revision.Verified {
			out.Applied.SignedBy = s.Revision.SignedBy
		}
	}
	if j := s.Rejected; j != nil {
		out.Rejected = &wire.Rejected{
			Version: j.Version, ID: j.ID, Reason: j.Reason, Error: j.Err.Error(), At: v.byRedis(j.At),
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
