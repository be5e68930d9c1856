package sim

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 0, "replay the run of one seed")
	traceFlag = flag.Bool("sim.trace", false, "print each event of the run of -sim.seed and what comes of it")
)

// fixedSeeds is how many runs are the same each time, also on a slow machine. Together they have
// all kinds of faults, and reach all states.
var fixedSeeds = uint64(len(faultKinds))

// simTime is how long the simulation lasts: what SIM says, or as long as fits among the other
// tests.
func simTime(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(cmp.Or(os.Getenv("SIM"), "20s"))
	require.NoError(t, err, "SIM is a duration, such as 10m")
	return d
}

// TestSim runs a fleet for each seed and checks the promises after each step.
func TestSim(t *testing.T) {
	if *seedFlag != 0 {
		replay(t, *seedFlag)
		return
	}
	total := simulate(t, simTime(t))
	t.Logf("%v", total)
	for _, state := range []wire.State{
		wire.StateLive, wire.StateStale, wire.StateMissing, wire.StateRejected, wire.StateEmpty,
	} {
		require.NotZero(t, total.states[state], "no run reached the state %s", state)
	}
	for i := range faultKinds {
		require.NotZero(t, total.faults[faultKinds[i].name], "no run had the fault %q", faultKinds[i].name)
	}
}

// simulate runs the fixed seeds, and fresh ones until the time is over, on all cores.
func simulate(t *testing.T, d time.Duration) *stats {
	t.Helper()
	deadline := time.Now().Add(d)
	fresh := uint64(time.Now().UnixNano())
	var next atomic.Uint64
	var found atomic.Pointer[violation]
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := newStats()
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			st := newStats()
			for found.Load() == nil {
				seed := next.Add(1)
				if seed > fixedSeeds {
					if time.Now().After(deadline) {
						break
					}
					seed += fresh
				}
				if v := newWorld(seed, st, nil).run(); v != nil {
					found.CompareAndSwap(nil, v)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(st)
		})
	}
	wg.Wait()
	if v := found.Load(); v != nil {
		report(t, v)
	}
	return total
}

// report shows what a check found, what happened before it, and how to see all of it.
func report(t *testing.T, v *violation) {
	t.Helper()
	tr := &trace{keep: 60}
	again := newWorld(v.seed, newStats(), tr).run()
	for _, line := range tr.last() {
		fmt.Println(line)
	}
	if again == nil || again.Error() != v.Error() {
		t.Errorf("the seed does not give the same run again: %v", again)
	}
	t.Fatalf("%v\nreplay it: go test ./internal/sim -run TestSim -count=1 -sim.seed=%d -sim.trace", v, v.seed)
}

// replay runs one seed.
func replay(t *testing.T, seed uint64) {
	t.Helper()
	var tr *trace
	if *traceFlag {
		tr = &trace{print: func(line string) { fmt.Println(line) }}
	}
	st := newStats()
	if v := newWorld(seed, st, tr).run(); v != nil {
		t.Fatal(v)
	}
	t.Logf("%v", st)
}

// TestSim_SameSeedSameRun holds that a seed gives the same run, step by step.
func TestSim_SameSeedSameRun(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		var digests [2]uint64
		for i := range digests {
			tr := &trace{}
			newWorld(seed, newStats(), tr).run()
			digests[i] = tr.digest
		}
		require.Equal(t, digests[0], digests[1], "seed %d", seed)
		require.NotZero(t, digests[0])
	}
}
