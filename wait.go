package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/pace"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// NoMinimum is a value of WaitOptions.MinInstances. It accepts an empty roster.
const NoMinimum = -1

// WaitOptions are the options of [Publisher.Wait]. With the zero value, Wait waits for
// every instance of the roster, and for at least one.
type WaitOptions struct {
	// Threshold is the share of the instances that must have the revision, more than 0
	// and at most 1; the default is 1.
	Threshold float64
	// MinInstances is the least number of instances that must have the revision,
	// including instances that joined after the roster was taken; the default is 1.
	MinInstances int
	// KeepGoing continues to wait after an instance has rejected the revision, until
	// every other instance has applied or rejected it.
	KeepGoing bool
	// Progress, if not nil, is called after each reading of the roster, on the goroutine of Wait.
	Progress func(WaitStatus)
}

// WaitStatus is the progress of a revision in the fleet.
type WaitStatus struct {
	// Version is the version of the revision. Overtaken is the version of the newer revision
	// that the key holds, 0 if there is none.
	Version, Overtaken int64
	// Expected is the number of instances that Wait waits for. Applied is the number of these
	// instances that have applied the revision or a newer revision.
	Expected, Applied int
	// Joined is the number of instances that joined after the roster was taken, and that have
	// the revision. They are counted only if the roster has fewer than MinInstances.
	Joined int
	// Rejected are the instances that have rejected the revision. Pending are the instances
	// that have neither applied nor rejected the revision.
	Rejected, Pending []Instance
	// Left are the instances that have left the fleet since Wait began. Gone are the
	// instances that are InstanceGone. Expected does not count either of them. An instance
	// in Gone that reports again is expected again.
	Left, Gone []Instance
	// Elapsed is the time since Wait began.
	Elapsed time.Duration
}

// The time between two readings of the roster grows from firstPoll to longestPoll. If a reading
// takes long, the time is pollFactor times the time of the reading, at most longestPause. A
// reading that takes longer than slowPoll counts as a reading that Redis has not answered.
const (
	firstPoll, longestPoll = 20 * time.Millisecond, 250 * time.Millisecond
	pollFactor             = 5
	longestPause           = time.Second
	slowPoll               = time.Second
)

// wait follows one revision through the roster.
type wait struct {
	publisher *Publisher
	id        string
	opts      WaitOptions
	began     time.Time
	known     map[string]bool // the names of the instances that are waited for
	lost      error           // why the last reading failed, nil if it succeeded
	// back is when Redis could be read again after an outage, by the clock of Redis. Before back,
	// no instance could report. back is zero if there was no outage.
	back time.Time
	// every is the report interval that is assumed for instances without a readable report.
	every time.Duration
	// digest is the digest of the value with the revision's id, empty until the value was read.
	digest string
	status WaitStatus
}

// Wait waits until the instances of the roster have applied the revision or a newer
// revision. Take the roster before the revision is published. Wait does not wait for
// instances that are gone, but WaitStatus.Gone names them. Wait reads the reports 50
// times a second at first, and 4 times a second later. If rev has no ID, Wait accepts any
// revision with the Version of rev.
//
// The error is [ErrNoInstances] if the roster has no instance that is not gone. The error
// wraps [ErrRejected], [ErrRevisionLost] or [ErrWaitIncomplete], or is the error of ctx
// if ctx was cancelled, or an error of Redis. While Redis cannot be reached, Wait tries
// again. At the deadline of ctx, the error wraps ErrWaitIncomplete. Unless MinInstances
// is more than 1, Wait also returns that error as soon as every instance that it waits
// for is gone. The status is valid with any error.
func (p *Publisher) Wait(ctx context.Context, rev Revision, roster Roster, opts WaitOptions) (WaitStatus, error) {
	w := &wait{
		publisher: p, id: rev.ID, opts: opts, began: time.Now(), known: make(map[string]bool),
		status: WaitStatus{Version: rev.Version},
	}
	if !(opts.Threshold >= 0 && opts.Threshold <= 1) { // NaN is rejected too
		return w.status, errors.New("wait: Threshold must be 0 to 1")
	}
	if w.opts.Threshold == 0 {
		w.opts.Threshold = 1
	}
	if w.opts.MinInstances == 0 {
		w.opts.MinInstances = 1
	}
	for _, in := range roster.Instances {
		w.known[in.Name] = true
		if in.scored.IsZero() {
			in.scored = in.LastSeen
		}
		if in.State == InstanceGone {
			w.status.Gone = append(w.status.Gone, in)
		} else {
			w.status.Pending = append(w.status.Pending, in)
		}
	}
	w.every = longestInterval(roster.Instances)
	w.status.Expected = len(w.status.Pending)
	if w.status.Expected == 0 && opts.MinInstances != NoMinimum {
		return w.status, ErrNoInstances
	}
	return w.run(ctx)
}

func (w *wait) run(ctx context.Context) (WaitStatus, error) {
	pause := firstPoll
	for {
		began := time.Now()
		err := w.poll(ctx)
		took := time.Since(began)
		if errors.Is(err, ErrUnavailable) && (ctx.Err() == nil || took > slowPoll) {
			w.lost = err
		}
		switch {
		case err == nil && (w.isDone() || len(w.status.Rejected) > 0 && !w.opts.KeepGoing):
			return w.status, w.rejections()
		case err == nil && w.isHopeless():
			return w.status, fmt.Errorf("%w: no instance is left to wait for (gone: %d)", ErrWaitIncomplete, len(w.status.Gone))
		case ctx.Err() != nil:
			return w.giveUp(ctx)
		case err != nil && !errors.Is(err, ErrUnavailable):
			return w.status, err
		}
		// Wait continues while Redis does not answer, because the revision stays published.
		if !pace.Sleep(ctx, min(max(pause, pollFactor*took), longestPause)) {
			return w.giveUp(ctx)
		}
		pause = min(2*pause, longestPoll)
	}
}

func (w *wait) giveUp(ctx context.Context) (WaitStatus, error) {
	w.status.Elapsed = time.Since(w.began)
	if err := w.rejections(); err != nil {
		return w.status, err
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return w.status, ctx.Err()
	}
	err := fmt.Errorf("%w: %d of %d within %v",
		ErrWaitIncomplete, w.status.Applied, w.status.Expected, w.status.Elapsed.Round(time.Millisecond))
	if have := w.status.Applied + w.status.Joined; have < w.opts.MinInstances && len(w.status.Pending) == 0 {
		err = fmt.Errorf("%w, and the minimum is %d", err, w.opts.MinInstances)
	}
	if w.lost != nil {
		err = fmt.Errorf("%w; the last reading failed: %w", err, w.lost)
	}
	return w.status, err
}

func (w *wait) rejections() error {
	n := len(w.status.Rejected)
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%w by %d of %d", ErrRejected, n, w.status.Expected)
}

// isHopeless reports whether every instance that Wait waits for is gone. If an instance
// has left the fleet, the wait is not hopeless, because another instance may be about to
// replace it.
func (w *wait) isHopeless() bool {
	s := &w.status
	return s.Expected == 0 && len(s.Gone) > 0 && len(s.Left) == 0 && w.opts.MinInstances == 1
}

// isDone reports whether enough instances have the revision.
func (w *wait) isDone() bool {
	s := &w.status
	// A small number is subtracted, because 0.99 times 100 is a little more than 99 in floating
	// point.
	need := int(math.Ceil(w.opts.Threshold*float64(s.Expected) - 1e-9))
	if w.opts.KeepGoing {
		need = min(need, s.Expected-len(s.Rejected))
	}
	return s.Applied >= need && s.Applied+s.Joined >= w.opts.MinInstances
}

// poll reads the reports of the instances that are pending or gone, and then the key.
func (w *wait) poll(ctx context.Context) error {
	p, s := w.publisher, &w.status
	open := slices.Concat(s.Pending, s.Gone) // a reading that fails half-way leaves the status as it was
	if err := p.readReports(ctx, open); err != nil {
		return err
	}
	got, err := p.client.ReadHeader(ctx, wire.HeaderBytes)
	if err != nil {
		return err
	}
	head, err := p.rosterOf(got)
	if err != nil {
		return err
	}
	if w.lost != nil {
		w.back = head.Now
	}
	head.every, head.back = w.every, w.back
	if err := w.readDigest(ctx, &head); err != nil {
		return err
	}
	if err := w.update(ctx, &head, open); err != nil {
		return err
	}
	s.Elapsed, w.lost = time.Since(w.began), nil
	if !head.Published || head.Version < s.Version || head.Version == s.Version && head.ID != w.id && w.id != "" {
		return lostRevision(&head)
	}
	if head.Version > s.Version {
		s.Overtaken = head.Version
	}
	if w.opts.Progress != nil {
		w.opts.Progress(w.status)
	}
	return nil
}

// readDigest sets the digest of the roster. It reads the whole value once, while the key
// holds the revision. An instance that has applied another value under the same id then
// does not count.
func (w *wait) readDigest(ctx context.Context, head *Roster) error {
	if w.id == "" || head.ID != w.id {
		return nil
	}
	if w.digest != "" {
		head.Digest = w.digest
		return nil
	}
	value, err := w.publisher.client.Value(ctx, wire.MaxValueBytes+1)
	if err != nil {
		return err
	}
	if now, err := wire.DecodeHeader(value); err == nil && now.ID == w.id {
		w.digest = wire.Digest(value)
	}
	head.Digest = w.digest
	return nil
}

func lostRevision(head *Roster) error {
	if head.Err != nil {
		return fmt.Errorf("%w: %w", ErrRevisionLost, head.Err)
	}
	return fmt.Errorf("%w: the key holds version %d", ErrRevisionLost, head.Version)
}

// sort moves each open instance into the list of its state: applied, rejected, pending,
// gone or left. members are the instances in the sorted set, nil if the sorted set was
// not read.
func (w *wait) sort(head *Roster, open, members []Instance) {
	s := &w.status
	scored := make(map[string]time.Time, len(members))
	for _, in := range members {
		scored[in.Name] = in.scored
	}
	s.Pending, s.Gone = nil, nil
	for _, in := range open {
		stays, wasGone := true, in.State == InstanceGone
		if members != nil {
			in.scored, stays = scored[in.Name]
		}
		head.back = w.back
		if wasGone {
			head.back = time.Time{}
		}
		head.judge(&in)
		switch {
		case wasGone && in.State == InstanceGone:
			s.Gone = append(s.Gone, in)
		case w.has(&in, head):
			s.Applied++
		case w.hasRejected(&in, head):
			in.State = InstanceRejected
			s.Rejected = append(s.Rejected, in)
		case in.Report == nil && !stays:
			s.Left = append(s.Left, in)
		case in.State == InstanceGone:
			s.Gone = append(s.Gone, in)
		default:
			s.Pending = append(s.Pending, in)
		}
	}
	s.Expected = s.Applied + len(s.Rejected) + len(s.Pending)
}

// has reports whether an instance has applied the revision, or a newer revision that
// replaced it.
func (w *wait) has(in *Instance, head *Roster) bool {
	if in.Report == nil || in.Report.Applied == nil {
		return false
	}
	a := in.Report.Applied
	if a.ID == w.id && a.ID != "" {
		return w.digest == "" || a.Digest == "" || a.Digest == w.digest
	}
	return w.isNewer(a.Version, head) || w.id == "" && a.Version == w.status.Version
}

// isNewer reports whether a version is newer than the revision. Versions above the
// current version do not count, because they show that the version counter was reset, for
// example by data loss.
func (w *wait) isNewer(version int64, head *Roster) bool {
	return w.status.Version < version && version <= head.Version
}

func (w *wait) hasRejected(in *Instance, head *Roster) bool {
	if in.Report == nil || in.Report.Rejected == nil || in.Report.State != StateRejected {
		return false
	}
	j := in.Report.Rejected
	if head.ID == w.id && w.id != "" && head.isRejectedBy(in.Report) {
		return true
	}
	return j.ID == w.id && j.ID != "" || w.isNewer(j.Version, head) || w.id == "" && j.Version == w.status.Version
}

// update sorts the open instances, and counts the instances that joined if they are
// needed. It reads the sorted set only if a report is missing or old, which may mean that
// the instance left, vanished or lost its report, or to count the instances that joined.
func (w *wait) update(ctx context.Context, head *Roster, open []Instance) (err error) {
	s := &w.status
	var members []Instance
	inDoubt := func(in Instance) bool {
		return in.State != InstanceGone && (in.Report == nil || head.isSilent(&in))
	}
	if slices.ContainsFunc(open, inDoubt) {
		if members, err = w.publisher.members(ctx); err != nil {
			return err
		}
	}
	w.sort(head, open, members)
	if s.Applied+len(s.Pending) >= w.opts.MinInstances {
		return nil
	}
	if members == nil {
		if members, err = w.publisher.members(ctx); err != nil {
			return err
		}
	}
	return w.countJoined(ctx, head, members)
}

// countJoined counts the instances that joined after the roster was taken and have the revision.
func (w *wait) countJoined(ctx context.Context, head *Roster, members []Instance) error {
	joined := slices.DeleteFunc(members, func(in Instance) bool { return w.known[in.Name] })
	if err := w.publisher.readReports(ctx, joined); err != nil {
		return err
	}
	w.status.Joined = 0
	for i := range joined {
		if w.has(&joined[i], head) {
			w.status.Joined++
		}
	}
	return nil
}
