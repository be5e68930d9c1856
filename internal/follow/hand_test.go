package follow

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// noon is what the fleet's clock shows when a test begins.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

var errDown = errors.New("connection refused")

// hand is a follower whose events a test gives one by one.
type hand struct {
	*Follower
	t     *testing.T
	start time.Time
	now   time.Time
	// offset is by how much the fleet's clock is wrong.
	offset time.Duration
	set    *directive.Set
}

// newHand returns a follower with an open session whose first fetch is under way.
func newHand(t *testing.T) *hand {
	t.Helper()
	return newHandWith(t, nil)
}

// newHandWith is newHand with another configuration.
func newHandWith(t *testing.T, change func(*Config)) *hand {
	t.Helper()
	start := time.Unix(1000, 0)
	r := &hand{t: t, start: start, now: start, set: &directive.Set{}}
	cfg := Config{
		ResyncInterval: time.Hour, SubscriptionTimeout: 10 * time.Hour, MaxBytes: wire.MaxValueBytes,
		Rand: rand.New(rand.NewPCG(1, 2)),
	}
	if change != nil {
		change(&cfg)
	}
	r.Follower = New(cfg, start)
	require.Equal(t, uint64(1), r.handle(Timer{}).OpenSession)
	require.NotNil(t, r.handle(Subscribed{Session: 1}).Fetch)
	return r
}

func (r *hand) handle(event Event) Effects {
	fx := r.Handle(r.now, event)
	if fx.Set != nil {
		r.set = fx.Set
	}
	return fx
}

// clock is what the fleet's clock shows.
func (r *hand) clock() time.Time { return noon.Add(r.now.Sub(r.start) + r.offset) }

// reply ends the fetch under way, and the further parts of it.
func (r *hand) reply(value []byte) Effects {
	fx := r.replyOnce(value)
	for fx.Fetch != nil && fx.Fetch.Mode == FetchValue && fx.Applied == nil {
		fx = r.replyOnce(value)
	}
	return fx
}

func (r *hand) replyOnce(value []byte) Effects {
	reading := store.Reading{Value: value, Length: int64(len(value))}
	if r.current != nil && r.current.measures {
		reading.Clock = &store.Measurement{Time: r.clock(), Sent: r.now, Received: r.now, Wall: r.now}
	}
	return r.handle(Fetched{Reading: reading})
}

// settle lets the clock be measured a second time.
func (r *hand) settle(fx Effects) {
	r.t.Helper()
	r.now = fx.WakeAt
	fx = r.handle(Timer{})
	require.NotNil(r.t, fx.Fetch)
	require.Equal(r.t, FetchClock, fx.Fetch.Mode)
	r.reply(nil)
}

// id returns a revision's id.
func id(version int64) string { return strings.Repeat(string(rune('a'+version%6)), 32) }

// revision returns a value with one directive.
func (r *hand) revision(version int64, directiveID string, expiresAt time.Time) []byte {
	set, err := directive.NewSet([]directive.Directive{{
		ID: directiveID, Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: expiresAt,
	}})
	require.NoError(r.t, err)
	value, err := wire.Encode(wire.Revision{Version: version, ID: id(version), PublishedAt: noon, Set: set})
	require.NoError(r.t, err)
	return value
}

// announce handles the announcement of a revision.
func (r *hand) announce(version int64) Effects {
	return r.handle(Message{Session: 1, Payload: string(wire.Announcement{Version: version, ID: id(version)}.Encode())})
}

// applies reports whether the set in force has a directive that applies now.
func (r *hand) applies() bool {
	return r.set.Evaluate(directive.Request{}, r.now).Level == directive.Shape
}

// epoch returns when the fleet's clock read zero, as far as the follower knows.
func (r *hand) epoch() time.Time {
	epoch, _ := r.Clock()
	return epoch
}
