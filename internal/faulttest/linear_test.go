package faulttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// register is the model of a fleet's key for publishers with IfVersion: a register with a
// compare-and-set operation.
type register struct {
	version int64
	token   string // identifies the revision
}

// operation is a publish with IfVersion expected. Without a token it is a read.
type operation struct {
	expected int64
	token    string
}

// outcome is the result of an operation. If neither unknown nor failed is set, found is
// the register that the operation wrote or read, or that it conflicted with.
type outcome struct {
	// done reports that the publish succeeded.
	done bool
	// unknown reports that the publish may have been executed.
	unknown bool
	// failed reports that nothing was written. The register is unknown then.
	failed bool
	found  register
}

// compareAndSet is the model of the register. Step returns the registers that are
// possible after an operation with the outcome.
var compareAndSet = porcupine.NondeterministicModel{
	Init: func() []any { return []any{register{}} },
	Step: func(state, input, output any) []any {
		r, op, out := state.(register), input.(operation), output.(outcome)
		after := register{r.version + 1, op.token}
		matches := op.token != "" && r.version == op.expected
		switch {
		case out.unknown && matches:
			return []any{r, after}
		case out.unknown, out.failed:
			return []any{r}
		case out.done && matches && out.found == after:
			return []any{after}
		case !out.done && !matches && out.found == r:
			return []any{r}
		}
		return nil
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %+v", input, output)
	},
}

// TestPublish_Linearizable runs publishers that race for each version, while connections
// are closed and replies are lost. It checks that the history of their operations is
// linearizable.
func TestPublish_Linearizable(t *testing.T) {
	t.Parallel()
	const publishers, rounds = 5, 120
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	ctx, stop := context.WithCancel(t.Context())
	var faults, work sync.WaitGroup
	faults.Go(func() { disturb(ctx, link, server.Addr()) })

	var mu sync.Mutex
	var history []porcupine.Operation
	began := time.Now()
	record := func(client int, op operation, do func() outcome) {
		called := time.Since(began)
		out := do()
		returned := time.Since(began)
		if out.unknown {
			returned = time.Hour // the publish may be executed later
		}
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{
			ClientId: client, Input: op, Call: called.Nanoseconds(), Output: out, Return: returned.Nanoseconds(),
		})
	}
	for i := range publishers {
		work.Go(func() {
			client := newClient(t, "redis://"+link.Addr()+"?read_timeout=100ms&dial_timeout=100ms")
			defer client.Close()
			p, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{Fleet: fleetName, History: 1000})
			if !assert.NoError(t, err) {
				return
			}
			for n := range rounds {
				race(p, record, i, fmt.Sprintf("p%d-%d", i, n))
			}
		})
	}
	work.Wait()
	stop()
	faults.Wait()
	// Each operation gets its own client id, because an operation with an unknown outcome
	// overlaps with the next operation of the same client, and the operations of one
	// client must not.
	for i := range history {
		history[i].ClientId = i
	}
	result := porcupine.CheckOperationsTimeout(compareAndSet.ToModel(), history, time.Minute)
	require.Equal(t, porcupine.Ok, result, "the history of %d operations must be linearizable", len(history))
	onceEach(t, server, history)
}

// race reads the register, and publishes with the version that it read.
func race(p *fleetdial.Publisher, record func(int, operation, func() outcome), client int, token string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	seen := int64(-1)
	record(client, operation{}, func() outcome {
		rev, err := p.Current(ctx)
		if err != nil && !errors.Is(err, fleetdial.ErrNoRevision) {
			return outcome{unknown: true}
		}
		seen = rev.Version
		return outcome{found: register{rev.Version, rev.Reason}}
	})
	if seen < 0 {
		return
	}
	record(client, operation{seen, token}, func() outcome {
		opts := fleetdial.PublishOptions{Reason: token, IfVersion: seen}
		if seen == 0 {
			opts.IfVersion = fleetdial.IfAbsent
		}
		rev, err := p.Publish(ctx, nil, opts)
		if conflict, ok := errors.AsType[*fleetdial.ConflictError](err); ok {
			return outcome{found: register{conflict.Version, conflict.Reason}}
		}
		unknown := errors.Is(err, fleetdial.ErrOutcomeUnknown)
		return outcome{done: err == nil, unknown: unknown, failed: err != nil && !unknown, found: register{rev.Version, token}}
	})
}

// disturb repeatedly closes connections, and discards replies or requests, until ctx
// ends.
func disturb(ctx context.Context, link *testutil.Link, addr string) {
	for ctx.Err() == nil {
		pause(ctx, rand.N(60*time.Millisecond))
		switch rand.N(4) {
		case 0:
			link.To(addr)
		case 1, 2: // EXEC arrives, and its reply is lost
			link.Swallow(testutil.ToClient)
			pause(ctx, rand.N(150*time.Millisecond))
			link.Heal()
		case 3:
			link.Swallow(testutil.ToServer)
			pause(ctx, rand.N(150*time.Millisecond))
			link.Heal()
		}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// onceEach checks that the history in Redis has each successful publish once, and no
// publish twice.
func onceEach(t *testing.T, server *testutil.Redis, history []porcupine.Operation) {
	t.Helper()
	p, err := fleetdial.NewPublisher(server.Client(t), fleetdial.PublisherConfig{Fleet: fleetName})
	require.NoError(t, err)
	entries, err := p.History(t.Context())
	require.NoError(t, err)
	times := make(map[string]int)
	for _, e := range entries {
		times[e.Revision.Reason]++
	}
	var done, unknown []string
	conflicts, failed := 0, 0
	for _, op := range history {
		token, out := op.Input.(operation).token, op.Output.(outcome)
		switch {
		case token == "":
		case out.done:
			done = append(done, token)
			assert.Equal(t, 1, times[token], "%s was published, and is in the history %d times", token, times[token])
		case out.unknown:
			unknown = append(unknown, token)
			assert.LessOrEqual(t, times[token], 1, "%s has an unknown outcome, and is in the history twice", token)
		case out.failed:
			failed++
			assert.Zero(t, times[token], "%s failed, and is in the history", token)
		default:
			conflicts++
			assert.Zero(t, times[token], "%s was a conflict, and is in the history", token)
		}
	}
	assert.GreaterOrEqual(t, len(entries), len(done))
	assert.Greater(t, len(done), 100, "number of successful publishes")
	assert.Positive(t, conflicts, "number of conflicts")
	t.Logf("%d operations: %d published, %d conflicts, %d failed, %d unknown (%s)",
		len(history), len(done), conflicts, failed, len(unknown), strings.Join(unknown, " "))
}
