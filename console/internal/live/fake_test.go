package live

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// fakes is a Redis of fleets that all hold the same, for tests in virtual time.
type fakes struct {
	mu      sync.Mutex
	current fleetdial.Revision
	history []fleetdial.HistoryEntry
	rows    []fleetdial.Instance

	err        error         // of each read
	historyErr error         // of each read of the history
	takes      time.Duration // for how long a read lasts
	between    func()        // runs between a read of the roster and the next one of the revision

	counts
	rostersOf map[string]int // how many reads of the roster there were, by fleet
	followed  map[string]int // how many subscriptions stand, by fleet
	changed   func()         // wakes the follower that began last
}

// counts is how many reads there were.
type counts struct{ rosters, currents, histories int }

func (f *fakes) count() counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// readings returns how many reads of a fleet's roster there were.
func (f *fakes) readings(fleet string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rostersOf[fleet]
}

// startFakes returns a hub of fakes. Callers run in a bubble of synctest.
func startFakes(t testing.TB) (*Hub, *fakes) {
	t.Helper()
	f := &fakes{rostersOf: make(map[string]int), followed: make(map[string]int)}
	open := func(fleet string) (source, error) { return fakeFleet{f, fleet}, nil }
	h := newHub(open, f.subscribe, quiet)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h, f
}

func (f *fakes) subscribe(fleet string, changed func()) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followed[fleet]++
	f.changed = changed
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.followed[fleet]--
	}
}

// change changes what Redis holds.
func (f *fakes) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// publish makes a revision the current one, without waking anybody.
func (f *fakes) publish(set *fleetdial.Set) {
	f.change(func() {
		version := f.current.Version + 1
		id := strconv.FormatInt(version, 10)
		f.current = fleetdial.Revision{Version: version, ID: id, PublishedAt: time.Now(), Set: set}
		f.history = append([]fleetdial.HistoryEntry{{Revision: f.current}}, f.history...)
	})
}

// following returns how many fleets are followed.
func (f *fakes) following() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, subscriptions := range f.followed {
		n += subscriptions
	}
	return n
}

// delay waits for as long as a read lasts, and returns its error.
func (f *fakes) delay(ctx context.Context) error {
	f.mu.Lock()
	takes, err := f.takes, f.err
	f.mu.Unlock()
	if takes == 0 {
		return err
	}
	select {
	case <-time.After(takes):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

type fakeFleet struct {
	*fakes
	name string
}

func (f fakeFleet) Roster(ctx context.Context) (fleetdial.Roster, error) {
	f.change(func() { f.rosters++; f.rostersOf[f.name]++ })
	if err := f.delay(ctx); err != nil {
		return fleetdial.Roster{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	roster := fleetdial.Roster{Now: time.Now(), Instances: append([]fleetdial.Instance(nil), f.rows...)}
	if f.current.Version == 0 {
		roster.Err = fleetdial.ErrNoRevision
		return roster, nil
	}
	roster.Published, roster.Version, roster.ID = true, f.current.Version, f.current.ID
	roster.PublishedAt = f.current.PublishedAt
	return roster, nil
}

func (f fakeFleet) Current(ctx context.Context) (fleetdial.Revision, error) {
	f.change(func() { f.currents++ })
	if err := f.delay(ctx); err != nil {
		return fleetdial.Revision{}, err
	}
	if f.between != nil {
		f.between()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current.Version == 0 {
		return fleetdial.Revision{}, fleetdial.ErrNoRevision
	}
	return f.current, nil
}

func (f fakeFleet) History(ctx context.Context) ([]fleetdial.HistoryEntry, error) {
	f.change(func() { f.histories++ })
	if err := f.delay(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.history, f.historyErr
}

var errAway = errors.Join(fleetdial.ErrUnavailable, errors.New("connection refused"))
