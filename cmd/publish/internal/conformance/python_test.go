package conformance

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// python is the folder of the reference implementation in Python.
const python = "../../../../spec/python"

// pythonDriver is the command that makes the reference answer requests.
var pythonDriver = []string{"env", "PYTHONPATH=" + python, "python3", "-m", "fleetdial_ref", "driver"}

func TestRun_PythonPassesAllVectors(t *testing.T) {
	t.Parallel()
	requirePasses(t, allVectors(pythonDriver...))
}

// TestPython_OwnTests runs the tests of the reference, except those of the vectors, which
// TestRun_PythonPassesAllVectors runs.
func TestPython_OwnTests(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "python3", "-m", "unittest")
	cmd.Dir = python
	cmd.Env = append(os.Environ(), "FLEETDIAL_VECTORS=/nonexistent")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestPython_BesideSubscriber publishes sets to a fleet that a Subscriber and the reference in
// Python follow as the same instance, and compares their decisions.
func TestPython_BesideSubscriber(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	const fleet, name = "mixed", "web-1"
	labels := map[string]string{"zone": "eu"}
	p, err := startProgram(pythonDriver, 30*time.Second)
	require.NoError(t, err)
	defer p.close()
	var following struct {
		Following bool `json:"following"`
	}
	require.NoError(t, p.ask(t.Context(), "follow", object{
		"op": "follow", "redis": "redis://" + server.Addr(), "fleet": fleet, "resync_ms": 1000, "timeout_ms": 3000,
		"instance": object{"name": name, "labels": labels},
	}, &following))
	require.True(t, following.Following)
	sub, err := fleetdial.Subscribe(t.Context(), client, fleetdial.SubscriberConfig{
		Fleet: fleet, Instance: name, Labels: labels, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	defer sub.Close()
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: fleet})
	require.NoError(t, err)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 19))
		rev, err := pub.Publish(t.Context(), mixedSet(t, r), fleetdial.PublishOptions{AnyFormat: true})
		require.NoError(t, err)
		testutil.Eventually(t, 20*time.Second, "the subscriber has the revision", func() bool { return sub.Status().Revision.ID == rev.ID })
		requests, want := mixedRequests(r, sub)
		type state struct {
			ID        string   `json:"id"`
			Decisions []object `json:"decisions"`
		}
		var got state
		testutil.Eventually(t, 20*time.Second, "the reference has the revision", func() bool {
			got = state{}
			require.NoError(t, p.ask(t.Context(), "state", object{"op": "state", "requests": requests}, &got))
			return got.ID == rev.ID
		})
		assert.Equal(t, want, got.Decisions, "seed %d", seed)
	}
}

// mixedSet returns a random set without limits, because a limit depends on the time.
func mixedSet(t *testing.T, r *rand.Rand) *fleetdial.Set {
	t.Helper()
	all := make([]fleetdial.Directive, r.IntN(20))
	for i := range all {
		d := fleetdial.Directive{
			ID: fmt.Sprint("d", i), Level: fleetdial.Level(r.IntN(4)), SamplePerMille: []int{0, 1, 300, 1000}[r.IntN(4)],
			ExpiresAt: time.Now().Add(time.Hour), RingBuffer: r.IntN(3) == 0, Capture: r.IntN(3) == 0,
			Match: fleetdial.Match{Tenant: []string{"", "acme", "ümläut"}[r.IntN(3)], Endpoint: fleetdial.Endpoint(r.IntN(13))},
		}
		if r.IntN(2) == 0 {
			d.Match.Endpoint = fleetdial.AnyEndpoint
		}
		switch perMille := r.IntN(1001); r.IntN(5) {
		case 0:
			d.Instances = &fleetdial.Instances{PerMille: &perMille}
		case 1:
			d.Instances = &fleetdial.Instances{Labels: map[string]string{"zone": []string{"eu", "us"}[r.IntN(2)]}}
		case 2:
			d.Instances = &fleetdial.Instances{Names: []string{[]string{"web-1", "web-2"}[r.IntN(2)]}}
		}
		all[i] = d
	}
	set, err := fleetdial.NewSet(all)
	require.NoError(t, err)
	return set
}

// mixedRequests returns random requests, and the decisions of a store on them.
func mixedRequests(r *rand.Rand, store fleetdial.Store) (requests, decisions []object) {
	for range 40 {
		req := fleetdial.Request{
			Tenant: []string{"acme", "ümläut", "other"}[r.IntN(3)], Endpoint: 1 + fleetdial.Endpoint(r.IntN(12)), ID: fmt.Sprint(r.IntN(1000)),
		}
		requests = append(requests, object{"tenant": req.Tenant, "endpoint": req.Endpoint.String(), "id": req.ID})
		d := fleetdial.Decide(store, req)
		decision := object{"level": d.Level.String(), "ring_buffer": d.RingBuffer, "capture": d.Capture}
		if d.By != "" {
			decision["by"] = d.By
		}
		decisions = append(decisions, decision)
	}
	return requests, decisions
}
