package bench

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// arrivals collects the times at which the subscribers received a publish.
type arrivals struct {
	mu   sync.Mutex
	at   []time.Time
	left int
	done chan struct{}
}

// expect starts a new collection of n arrivals. The returned channel is closed when all n
// have arrived.
func (a *arrivals) expect(n int) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.left, a.done = make([]time.Time, 0, n), n, make(chan struct{})
	return a.done
}

func (a *arrivals) arrive() {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		return
	}
	a.at = append(a.at, now)
	if a.left--; a.left == 0 {
		close(a.done)
	}
}

// measurement holds the results of one side.
type measurement struct {
	one, all      []time.Duration
	cpu, bytesOut float64
	costUnknown   bool // Redis did not report its cost
}

// measure publishes once, waits until all subscribers have received the publish, and adds
// the times and the cost to m.
func (b *bench) measure(ctx context.Context, m *measurement, publish func() error) error {
	cpu, out, ok := b.cost(ctx)
	done := b.arrivals.expect(b.Subscribers)
	began := time.Now()
	if err := publish(); err != nil {
		return err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.Timeout):
		return fmt.Errorf("timed out after %v: not every subscriber has the set", b.Timeout)
	}
	last := time.Duration(0)
	for _, at := range b.arrivals.at {
		m.one = append(m.one, at.Sub(began))
		last = max(last, at.Sub(began))
	}
	m.all = append(m.all, last)
	cpuAfter, outAfter, okAfter := b.cost(ctx)
	m.cpu, m.bytesOut = m.cpu+cpuAfter-cpu, m.bytesOut+outAfter-out
	m.costUnknown = m.costUnknown || !ok || !okAfter
	return nil
}

func (m *measurement) side(publishes int) Side {
	s := Side{One: quantilesOf(m.one), All: quantilesOf(m.all)}
	if !m.costUnknown {
		cpu, out := m.cpu*1000/float64(publishes), m.bytesOut/float64(publishes)
		s.CPU, s.BytesOut = &cpu, &out
	}
	return s
}

// cost returns the CPU seconds that Redis has used and the bytes that Redis has sent. ok
// is false if Redis does not report them.
func (b *bench) cost(ctx context.Context) (cpu, bytesOut float64, ok bool) {
	info, err := b.Client.InfoMap(ctx, "cpu", "stats").Result()
	if err != nil {
		return 0, 0, false
	}
	user, err1 := strconv.ParseFloat(info["CPU"]["used_cpu_user"], 64)
	sys, err2 := strconv.ParseFloat(info["CPU"]["used_cpu_sys"], 64)
	out, err3 := strconv.ParseFloat(info["Stats"]["total_net_output_bytes"], 64)
	return user + sys, out, err1 == nil && err2 == nil && err3 == nil
}
