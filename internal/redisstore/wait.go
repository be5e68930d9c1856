package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fleetdial/fleetdial/internal/wire"
)

var (
	// ErrNoInstances is returned by Publisher.Wait where there is no instance to wait for.
	ErrNoInstances = errors.New("no instance is known")
	// ErrRejected is wrapped by the error of Publisher.Wait when an instance refused the revision.
	ErrRejected = errors.New("the revision was refused")
	// ErrWaitIncomplete is wrapped by the error of Publisher.Wait when its context's deadline came first.
	ErrWaitIncomplete = errors.New("not every instance has the revision")
	// ErrRevisionLost is wrapped by the error of Publisher.Wait when the key holds an older revision, or none: the one
	// that was waited for is lost.
	ErrRevisionLost = errors.New("the revision is no longer there")
)

// WaitOptions say what Wait waits for; the zero value waits for all of the roster, and at least one.
type WaitOptions struct {
	Threshold    float64
	MinInstances int
	KeepGoing    bool
	Progress     func(WaitStatus)
}

// NoMinimum as WaitOptions.MinInstances is content with an empty roster.
const NoMinimum = -1

// WaitStatus is how far a revision has come.
type WaitStatus struct {
	Version   int64
	Overtaken int64
	Expected  int
	Applied   int
	Joined    int
	Rejected  []Instance
	Pending   []Instance
	Left      []Instance
	Elapsed   time.Duration
}

// The time between two looks at the roster: it grows from the first to the longest, and is pollFactor times what a look
// took where that is more, up to longestPause. A look that takes longer than slowLook when the time is up is one that
// Redis does not answer.
const (
	firstPoll, longestPoll = 20 * time.Millisecond, 250 * time.Millisecond
	pollFactor             = 5
	longestPause           = time.Second
	slowLook               = time.Second
)

// wait follows one revision through the roster.
type wait struct {
	publisher *Publisher
	id        string
	opts      WaitOptions
	began     time.Time
	known     map[string]bool // the names of those that are waited for
	lost      error           // why Redis could not be asked the last time
	status    WaitStatus
}

// Wait follows a revision until the instances of the roster, those that are gone excepted, have applied it.
func (p *Publisher) Wait(ctx context.Context, rev wire.Revision, roster Roster, opts WaitOptions) (WaitStatus, error) {
	w := &wait{
		publisher: p, id: rev.ID, opts: opts, began: time.Now(), known: make(map[string]bool),
		status: WaitStatus{Version: rev.Version},
	}
	if opts.Threshold < 0 || opts.Threshold > 1 {
		return w.status, errors.New("a threshold is from 0 to 1")
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
		err := w.look(ctx)
		took := time.Since(began)
		if errors.Is(err, ErrUnavailable) && (ctx.Err() == nil || took > slowLook) {
			w.lost = err
		}
		switch {
		case err == nil && (w.arrived() || len(w.status.Rejected) > 0 && !w.opts.KeepGoing):
			return w.status, w.refusals()
		case ctx.Err() != nil:
			return w.giveUp(ctx)
		case err != nil && !errors.Is(err, ErrUnavailable):
			return w.status, err
		}
		// While Redis cannot be asked, what is published stays so: there is time until the time is up.
		if !sleep(ctx, min(max(pause, pollFactor*took), longestPause)) {
			return w.giveUp(ctx)
		}
		pause = min(2*pause, longestPoll)
	}
}

func (w *wait) giveUp(ctx context.Context) (WaitStatus, error) {
	w.status.Elapsed = time.Since(w.began)
	if err := w.refusals(); err != nil {
		return w.status, err
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return w.status, ctx.Err()
	}
	err := fmt.Errorf("%w: %d of %d within %v",
		ErrWaitIncomplete, w.status.Applied, w.status.Expected, w.status.Elapsed.Round(time.Millisecond))
	if w.lost != nil {
		err = fmt.Errorf("%w; by the end it could not be asked: %w", err, w.lost)
	}
	return w.status, err
}

func (w *wait) refusals() error {
	n := len(w.status.Rejected)
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%w by %d of %d", ErrRejected, n, w.status.Expected)
}

// arrived reports whether as many have the revision as was asked for.
func (w *wait) arrived() bool {
	s := &w.status
	// Rounded down by a hair, since 0.99 times 100 is a little more than 99.
	need := int(math.Ceil(w.opts.Threshold*float64(s.Expected) - 1e-9))
	if w.opts.KeepGoing {
		need = min(need, s.Expected-len(s.Rejected))
	}
	return s.Applied >= need && s.Applied+s.Joined >= w.opts.MinInstances
}

// look asks those who are still pending.
func (w *wait) look(ctx context.Context) error {
	p, s := w.publisher, &w.status
	if err := p.readReports(ctx, s.Pending); err != nil {
		return err
	}
	head, err := p.head(ctx)
	if err != nil {
		return err
	}
	if err := w.lookForJoined(ctx, &head); err != nil {
		return err
	}
	w.sort(&head)
	if err := w.lookForLeft(ctx); err != nil {
		return err
	}
	s.Elapsed, w.lost = time.Since(w.began), nil
	if !head.Published || head.Version < s.Version || head.Version == s.Version && head.ID != w.id && w.id != "" {
		return w.overwritten(&head)
	}
	if head.Version > s.Version {
		s.Overtaken = head.Version
	}
	if w.opts.Progress != nil {
		w.opts.Progress(w.status)
	}
	return nil
}

func (w *wait) overwritten(head *Roster) error {
	if head.Err != nil {
		return fmt.Errorf("%w: %w", ErrRevisionLost, head.Err)
	}
	return fmt.Errorf("%w: the key holds version %d", ErrRevisionLost, head.Version)
}

// sort moves those out of the pending that have applied or refused the revision.
func (w *wait) sort(head *Roster) {
	s := &w.status
	var pending []Instance
	for _, in := range s.Pending {
		in.State = head.stateOf(&in)
		switch {
		case w.has(&in, head):
			s.Applied++
		case w.refused(&in, head):
			in.State = InstanceRejected
			s.Rejected = append(s.Rejected, in)
		default:
			pending = append(pending, in)
		}
	}
	s.Pending = pending
}

// has reports whether an instance has applied the revision, or a newer one that took its place.
func (w *wait) has(in *Instance, head *Roster) bool {
	if in.Report == nil || in.Report.Applied == nil {
		return false
	}
	a := in.Report.Applied
	return a.ID == w.id && a.ID != "" || w.isNewer(a.Version, head) || w.id == "" && a.Version == w.status.Version
}

// isNewer reports whether a version came after the revision. One beyond what the key holds is from before the versions went
// back: with the key, or its history, lost or cleared.
func (w *wait) isNewer(version int64, head *Roster) bool {
	return w.status.Version < version && version <= head.Version
}

func (w *wait) refused(in *Instance, head *Roster) bool {
	if in.Report == nil || in.Report.Rejected == nil || in.Report.State != string(StateRejected) {
		return false
	}
	j := in.Report.Rejected
	return j.ID == w.id || w.isNewer(j.Version, head) || w.id == "" && j.Version == w.status.Version
}

// lookForLeft takes those out who left the roster, as opposed to having vanished.
func (w *wait) lookForLeft(ctx context.Context) error {
	s := &w.status
	var names []string
	for _, in := range s.Pending {
		if in.State == InstanceGone {
			names = append(names, in.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	p := w.publisher
	// ZMSCORE has no way to tell a score of 0 from none through the client; no instance was last seen in 1970.
	scores, err := p.remote.client.ZMScore(ctx, p.remote.keys.fleet, names...).Result()
	if err != nil {
		return classify("read the fleet's roster", err)
	}
	left := make(map[string]bool)
	for i, score := range scores {
		if score == 0 {
			left[names[i]] = true
		}
	}
	var pending []Instance
	for _, in := range s.Pending {
		if left[in.Name] {
			s.Left = append(s.Left, in)
			s.Expected--
		} else {
			pending = append(pending, in)
		}
	}
	s.Pending = pending
	return nil
}

// lookForJoined counts those who came after the roster was taken and have the revision, where they are needed.
func (w *wait) lookForJoined(ctx context.Context, head *Roster) error {
	s := &w.status
	if s.Applied+len(s.Pending) >= w.opts.MinInstances {
		return nil
	}
	all, err := w.publisher.members(ctx)
	if err != nil {
		return err
	}
	var joined []Instance
	for _, in := range all {
		if !w.known[in.Name] {
			joined = append(joined, in)
		}
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
