package live

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/fleetdial/fleetdial"
)

const (
	// steadyInterval is the time between two readings, and rolloutInterval for rolloutTime after
	// the revision changed.
	steadyInterval, rolloutInterval, rolloutTime = time.Second, 100 * time.Millisecond, 3 * time.Second
	// leastInterval is the time between two readings if revisions are published in a row.
	leastInterval = 50 * time.Millisecond
	// Between readings that fail, the time is about firstRetry, and doubles up to longestRetry.
	firstRetry, longestRetry = 200 * time.Millisecond, time.Second
	// linger is how long a follower goes on without a watcher, so that a user who goes from page
	// to page keeps it.
	linger = 30 * time.Second
)

// subscriber returns a function that calls changed, in the background, when a revision of a
// fleet was published. Keys are not checked, because a revision that no instance accepts is as
// worth a reading as any other.
func subscriber(cfg Config) func(fleet string, changed func()) (end func()) {
	return func(fleet string, changed func()) func() {
		// Subscribe does not wait for Redis, because the time of ctx is up.
		ctx, cancel := context.WithDeadline(context.Background(), time.Now())
		defer cancel()
		sub, err := fleetdial.Subscribe(ctx, cfg.Client, fleetdial.SubscriberConfig{
			Fleet: fleet, Startup: fleetdial.StartEmpty, ReportInterval: -1, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			cfg.Logger.Error("console: the subscription could not begin", "fleet", fleet, "err", err)
			return func() {}
		}
		sub.OnChange(func(fleetdial.Change) { changed() })
		return func() { _ = sub.Close() }
	}
}

// follow begins to follow a fleet that is watched, unless too many fleets are followed. Then it
// ends the follower of a fleet without watchers. Callers hold h.mu, and call follow again later.
func (h *Hub) follow(f *fleet) {
	f.mayEnd = false
	if f.following || h.closed {
		return
	}
	if h.following == maxFollowers {
		var idle *fleet
		for _, other := range h.fleets {
			if other.following && other.watchers == 0 && (idle == nil || other.idleSince.Before(idle.idleSince)) {
				idle = other
			}
		}
		if idle != nil {
			idle.mayEnd = true
			idle.wakeUp()
		}
		return
	}
	h.following++
	f.following, f.tried = true, false
	h.own.Go(func() {
		end := h.subscribe(f.name, f.wakeUp)
		defer end()
		var p pace
		for {
			began := time.Now()
			err := h.attempt(f)
			least, most := p.next(h.newest(f), err, time.Since(began))
			if !f.rest(h.ctx, least, most) || h.endFollower(f) {
				return
			}
		}
	})
}

func (h *Hub) newest(f *fleet) *State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f.state
}

// endFollower reports whether the follower of a fleet has to end, and takes it off the books.
func (h *Hub) endFollower(f *fleet) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.watchers > 0 || !f.mayEnd && time.Since(f.idleSince) < linger {
		return false
	}
	f.following, f.mayEnd = false, false
	h.following--
	return true
}

// rest waits until a fleet has to be read again, and reports false if ctx ends.
func (f *fleet) rest(ctx context.Context, least, most time.Duration) bool {
	timer := time.NewTimer(least)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	timer.Reset(most - least)
	select {
	case <-timer.C:
	case <-f.wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// pace decides how long a follower rests. The zero pace is that before the first reading.
type pace struct {
	known       *State // the newest state with the last revision
	rolloutEnds time.Time
	retry       time.Duration
}

// next returns how long to rest after a reading: most, or only least if something happens.
func (p *pace) next(s *State, err error, took time.Duration) (least, most time.Duration) {
	now := time.Now()
	least = max(leastInterval, took)
	if err != nil {
		p.retry = min(max(2*p.retry, firstRetry), longestRetry)
		return leastInterval, leastInterval + p.retry/2 + rand.N(p.retry/2)
	}
	p.retry = 0
	if p.isRollout(s, now) {
		p.rolloutEnds = now.Add(rolloutTime)
	}
	p.known = s
	most = steadyInterval
	if now.Before(p.rolloutEnds) {
		most = rolloutInterval
	}
	most = max(most, 3*took)
	if left, ok := s.untilExpiry(now); ok {
		most = min(most, left+time.Millisecond) // a directive that ends changes the state
	}
	return least, max(least, most)
}

// isRollout reports whether another revision was published since the last reading or, before the
// first one, a short time ago.
func (p *pace) isRollout(s *State, now time.Time) bool {
	if p.known != nil {
		return !isSameValue(&p.known.Roster, &s.Roster)
	}
	age := s.Now(now).Sub(s.Roster.PublishedAt)
	return 0 <= age && age < rolloutTime
}
