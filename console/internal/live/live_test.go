package live

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// within is how long a test waits for what takes milliseconds.
const within = 10 * time.Second

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// startHub returns a hub of the fleets of a server, which ends with the test.
func startHub(t testing.TB, client redis.UniversalClient) *Hub {
	t.Helper()
	h := NewHub(Config{Client: client, Logger: quiet, Publisher: func(fleet string) (*fleetdial.Publisher, error) {
		return fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: fleet})
	}})
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

func watch(t testing.TB, h *Hub, fleet string) *Watcher {
	t.Helper()
	w, err := h.Watch(t.Context(), fleet)
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

// nextWith returns the first state from now on that is ok.
func nextWith(t testing.TB, w *Watcher, ok func(*State) bool) *State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for id := ""; ; {
		s, err := w.Next(ctx, id)
		require.NoError(t, err)
		if ok(s) {
			return s
		}
		id = s.ID
	}
}

func publish(t testing.TB, client redis.UniversalClient, fleet string, ids ...string) fleetdial.Revision {
	t.Helper()
	p, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: fleet})
	require.NoError(t, err)
	rev, err := p.Publish(context.Background(), setOf(t, time.Now().Add(time.Hour), ids...), fleetdial.PublishOptions{})
	require.NoError(t, err)
	return rev
}

func setOf(t testing.TB, expiresAt time.Time, ids ...string) *fleetdial.Set {
	t.Helper()
	all := make([]fleetdial.Directive, len(ids))
	for i, id := range ids {
		all[i] = fleetdial.Directive{ID: id, Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: expiresAt}
	}
	set, err := fleetdial.NewSet(all)
	require.NoError(t, err)
	return set
}

// commandCalls returns how many commands a server has executed.
func commandCalls(t testing.TB, server *testutil.Redis) int {
	t.Helper()
	calls := 0
	for line := range strings.Lines(server.Do(t, "INFO", "commandstats").(string)) {
		if _, after, found := strings.Cut(line, ":calls="); found {
			number, _, _ := strings.Cut(after, ",")
			n, err := strconv.Atoi(number)
			require.NoError(t, err)
			calls += n
		}
	}
	return calls
}
