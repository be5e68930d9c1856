package redisstore

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// reportGap is the least time between two reports, so that a storm of publishes makes no storm of reports.
	reportGap = 100 * time.Millisecond
	// courtesyFactor is how many times as long as the last look took a report waits at most, and longestCourtesy the end of
	// that.
	courtesyFactor, longestCourtesy = 10, 250 * time.Millisecond
	// goneAfter is after how many report intervals in silence an instance counts as gone: so long does its report live.
	goneAfter = 3
	// rosterMemory is how long the roster remembers an instance that vanished.
	rosterMemory = time.Hour
	// pruneEvery is after how many reports an instance takes those out that the roster need not remember.
	pruneEvery = 100
	// leaveTime bounds how long Close may take to tell the roster.
	leaveTime = time.Second
)

// reporter is the one goroutine that writes a subscriber's row of the roster. It waits for nobody, and nobody for it.
type reporter struct {
	remote  *remote
	tracker *tracker
	log     *slog.Logger
	name    string
	labels  map[string]string
	every   time.Duration
	started time.Time
	version string        // of fleetdial
	wake    chan struct{} // has room for one

	// written counts the reports; silenced says that it has been told why they cannot be written; present that there is a
	// row to take away.
	written  int
	silenced bool
	present  bool
}

func newReporter(r *remote, t *tracker, cfg SubscriberConfig) *reporter {
	return &reporter{
		remote: r, tracker: t, log: t.log, name: cfg.Instance, labels: cfg.Labels, every: cfg.ReportInterval,
		started: time.Now(), version: libraryVersion(), wake: make(chan struct{}, 1),
	}
}

// ask has a report written, soon. It never blocks.
func (r *reporter) ask() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) run(ctx context.Context) {
	defer r.leave()
	for {
		timer := time.NewTimer(r.every - rand.N(r.every/5+1))
		select {
		case <-r.wake:
			sleep(ctx, r.courtesy())
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		r.report(ctx)
		if !sleep(ctx, min(reportGap, r.every)) {
			return
		}
	}
}

// courtesy returns how long to wait before a report of what has just been read: the longer that took, the busier Redis
// is with those who have yet to read it.
func (r *reporter) courtesy() time.Duration {
	return rand.N(min(courtesyFactor*r.tracker.roundTrip(), longestCourtesy) + 1)
}

// report writes the row. That Redis is out of reach is for the state to tell; that it will not be written to, as by a
// proxy that may only read, is told once.
func (r *reporter) report(ctx context.Context) {
	status, epoch := r.tracker.getWithClock()
	if epoch.IsZero() {
		return // nothing has been read yet
	}
	err := r.write(ctx, wire.EncodeReport(r.compose(status, epoch)), time.Since(epoch))
	switch {
	case err == nil:
		r.present, r.silenced = true, false
		r.written++
	case isReply(err) && !r.silenced:
		r.silenced = true
		r.log.Warn("fleetdial: the roster cannot be told of this instance", "instance", r.name, "err", err)
	case !isReply(err):
		r.present = false // or Close would wait for a server that is not there
	}
}

// write writes the row, its place in the roster, and takes out what the roster need not remember.
func (r *reporter) write(ctx context.Context, value []byte, now time.Duration) error {
	k := r.remote.keys
	cmds, err := r.remote.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, k.instance+r.name, value, goneAfter*r.every)
		p.ZAdd(ctx, k.fleet, redis.Z{Score: float64(now.Milliseconds()), Member: r.name})
		if r.written%pruneEvery == 0 {
			p.ZRemRangeByScore(ctx, k.fleet, "-inf", strconv.FormatInt((now-rosterMemory).Milliseconds(), 10))
		}
		return nil
	})
	if err != nil && len(cmds) > 1 && cmds[0].Err() == nil && cmds[1].Err() == nil {
		return nil // but for the pruning, which another instance may do
	}
	return err
}

// leave takes the row away.
func (r *reporter) leave() {
	if !r.present {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	k := r.remote.keys
	_, _ = r.remote.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, k.instance+r.name)
		p.ZRem(ctx, k.fleet, r.name)
		return nil
	})
}

// compose says what the status says, by the clock of Redis.
func (r *reporter) compose(s Status, epoch time.Time) *wire.Report {
	byRedis := func(local time.Time) time.Time { return time.UnixMilli(max(0, local.Sub(epoch).Milliseconds())) }
	out := &wire.Report{
		Instance: r.name, Fleetdial: r.version, Labels: r.labels, StartedAt: byRedis(r.started),
		WrittenAt: byRedis(time.Now()), Every: r.every, State: string(s.State), Since: byRedis(s.Since),
		Source: string(s.Source), ClockOffset: s.ClockOffset, Counters: s.Counters.byName(),
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	if s.Source != SourceStart {
		out.Applied = &wire.Applied{
			Version: s.Revision.Version, ID: s.Revision.ID, PublishedAt: s.Revision.PublishedAt, At: byRedis(s.AppliedAt),
		}
		if s.Revision.Verified {
			out.Applied.SignedBy = s.Revision.SignedBy
		}
	}
	if j := s.Rejected; j != nil {
		out.Rejected = &wire.Rejected{
			Version: j.Version, ID: j.ID, Reason: string(j.Reason), Error: j.Err.Error(), At: byRedis(j.At),
		}
	}
	return out
}

// byName returns the counters as reports write them.
func (c Counters) byName() map[string]int64 {
	out := map[string]int64{
		"announcements": c.Announcements, "fetches": c.Fetches, "applies": c.Applies, "corrections": c.Corrections,
		"reconnects": c.Reconnects, "regressions": c.Regressions,
	}
	for reason, n := range c.Rejections {
		out["rejections."+string(reason)] = n
	}
	return out
}

const modulePath = "github.com/fleetdial/fleetdial"

// libraryVersion returns the version of fleetdial that the program was built with.
func libraryVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath {
			return m.Version
		}
	}
	return ""
}

// defaultInstance is the host's name and the process id.
func defaultInstance() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	host = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, host)
	pid := "-" + strconv.Itoa(os.Getpid())
	return host[:min(len(host), wire.MaxInstanceBytes-len(pid))] + pid
}
