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

// NoMinimum as WaitOptions.MinInstances accepts an empty roster.
const NoMinimum = -1

// WaitOptions say what [Publisher.Wait] waits for. The zero value waits for every instance of
// the roster, and at least one.
type WaitOptions struct {
	// Threshold is the share of the roster that must have the revision, above 0 to 1; the
	// default is 1.
	Threshold float64
	// MinInstances is the least number of instances that must have it, including those that
	// joined after the roster was taken; the default is 1.
	MinInstances int
	// KeepGoing goes on after an instance has rejected the revision, until all others have
	// answered.
	KeepGoing bool
	// Progress, if not nil, is called after each reading of the roster, on the goroutine of Wait.
	Progress func(WaitStatus)
}

// WaitStatus tells how far a revision has come.
type WaitStatus struct {
	// Version is that of the revision, and Overtaken that of a newer one that the key holds by
	// now, 0 if there is none.
	Version, Overtaken int64
	// Expected is how many instances are waited for, and Applied how many of them have the
	// revision, or a newer one.
	Expected, Applied int
	// Joined is how many that joined later have it. They are counted only if MinInstances asks
	// for more than the roster has.
	Joined int
	// Rejected are those that rejected the revision, Pending those that have not answered, and
	// Left those that left the fleet meanwhile, which are no longer expected.
	Rejected, Pending, Left []Instance
	// Elapsed is the time since Wait began.
	Elapsed time.Duration
}

// The time between two readings of the roster grows from firstPoll to longestPoll. It is
// pollFactor times what a reading took if that is more, up to longestPause. A reading that takes
// longer than slowPoll is one that Redis does not answer.
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
	lost      error           // why the last reading failed
	// digest is that of the value that the key holds under the revision's id.
	digest string
	status WaitStatus
}

// Wait follows a revision until the instances of the roster have applied it, or a newer one.
// The roster is best taken before the revision is published. Instances that were gone already
// are not waited for. Wait reads the roster 50 times a second at first, and 4 times later. If
// rev has no ID, any revision of that version counts.
//
// The status is valid with any error: [ErrNoInstances], [ErrRejected], [ErrRevisionLost],
// [ErrWaitIncomplete] at ctx's deadline, ctx's error if it was cancelled, or an error of Redis.
// While Redis cannot be reached, Wait tries again.
func (p *Publisher) Wait(ctx context.Context, rev Revision, roster Roster, opts WaitOptions) (WaitStatus, error) {
	w := &wait{
		publisher: p, id: rev.ID, opts: opts, began: time.Now(), known: make(map[string]bool),
		status: WaitStatus{Version: rev.Version},
	}
	if opts.Threshold < 0 || opts.Threshold > 1 {
		return w.status, errors.New("wait: Threshold must be 0 to 1")
	}
	if w.opts.Threshold == 0 {
		w.opts.Threshold = 1
	}
	if w.opts.MinInstances == 0 {
		w.opts.MinInstances = 1
	}
	for _, in := range roster.Instances {
		if in.State != InstanceGone {
			w.status.Pending = append(w.status.Pending, in)
			w.known[in.Name] = true
		}
	}
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
		case ctx.Err() != nil:
			return w.giveUp(ctx)
		case err != nil && !errors.Is(err, ErrUnavailable):
			return w.status, err
		}
		// While Redis does not answer, the revision stays published.
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

// isDone reports whether as many instances have the revision as were asked for.
func (w *wait) isDone() bool {
	s := &w.status
	// A hair is subtracted, because 0.99 times 100 is a little more than 99.
	need := int(math.Ceil(w.opts.Threshold*float64(s.Expected) - 1e-9))
	if w.opts.KeepGoing {
		need = min(need, s.Expected-len(s.Rejected))
	}
	return s.Applied >= need && s.Applied+s.Joined >= w.opts.MinInstances
}

// poll reads the reports of the pending instances.
func (w *wait) poll(ctx context.Context) error {
	p, s := w.publisher, &w.status
	pending := slices.Clone(s.Pending) // a reading that fails half-way leaves the status as it was
	if err := p.readReports(ctx, pending); err != nil {
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
	if err := w.readDigest(ctx, &head); err != nil {
		return err
	}
	s.Pending = pending
	w.sort(&head)
	if err := w.checkMembers(ctx, &head); err != nil {
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

// readDigest reads the whole value once, while the key holds the revision, so that an instance
// that applied another value under its id does not count.
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

// sort takes those out of the pending that have applied or rejected the revision.
func (w *wait) sort(head *Roster) {
	s := &w.status
	var pending []Instance
	for _, in := range s.Pending {
		head.judge(&in)
		switch {
		case w.has(&in, head):
			s.Applied++
		case w.hasRejected(&in, head):
			in.State = InstanceRejected
			s.Rejected = append(s.Rejected, in)
		default:
			pending = append(pending, in)
		}
	}
	s.Pending = pending
}

// has reports whether an instance has applied the revision, or a newer one that replaced it.
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

// isNewer reports whether a version came after the revision. Wait ignores versions above the
// current one: the version counter was reset since, for example by data loss.
func (w *wait) isNewer(version int64, head *Roster) bool {
	return w.status.Version < version && version <= head.Version
}

func (w *wait) hasRejected(in *Instance, head *Roster) bool {
	if in.Report == nil || in.Report.Rejected == nil || in.Report.State != StateRejected {
		return false
	}
	j := in.Report.Rejected
	return j.ID == w.id && j.ID != "" || w.isNewer(j.Version, head) || w.id == "" && j.Version == w.status.Version
}

// checkMembers takes those out of the pending that left the roster, as opposed to those that
// vanished, and counts those that joined after the roster was taken and have the revision, if
// they are needed.
func (w *wait) checkMembers(ctx context.Context, head *Roster) error {
	s := &w.status
	isGone := func(in Instance) bool { return in.State == InstanceGone }
	needsJoined := s.Applied+len(s.Pending) < w.opts.MinInstances
	if !needsJoined && !slices.ContainsFunc(s.Pending, isGone) {
		return nil
	}
	members, err := w.publisher.members(ctx)
	if err != nil {
		return err
	}
	stays := make(map[string]bool, len(members))
	var joined []Instance
	for _, in := range members {
		stays[in.Name] = true
		if !w.known[in.Name] {
			joined = append(joined, in)
		}
	}
	s.Pending = slices.DeleteFunc(s.Pending, func(in Instance) bool {
		left := isGone(in) && !stays[in.Name]
		if left {
			s.Left = append(s.Left, in)
			s.Expected--
		}
		return left
	})
	if !needsJoined {
		return nil
	}
	if err := w.publisher.readReports(ctx, joined); err != nil {
		return err
	}
	s.Joined = 0
	for i := range joined {
		if w.has(&joined[i], head) {
			s.Joined++
		}
	}
	return nil
}
