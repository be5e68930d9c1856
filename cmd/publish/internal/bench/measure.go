package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fleetdial/fleetdial"
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
	one, all []time.Duration
	// cpu is what Redis has used until all subscribers had the set, and reportCPU what it has used
	// after that, until all reports were written.
	cpu, reportCPU, bytesOut []float64
	costUnknown              bool // Redis did not report its cost
}

// measure publishes once, waits until all subscribers have received the publish, and adds
// the times and the cost to m. Then it waits until Redis has executed so many reports, so that
// they cost the next publish nothing.
func (b *bench) measure(ctx context.Context, m *measurement, reports int, p *fleetdial.Publisher) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	time.Sleep(pause)
	before := b.cost(ctx)
	done := b.arrivals.expect(b.Subscribers)
	began := time.Now()
	if _, err := p.Publish(ctx, b.set, fleetdial.PublishOptions{}); err != nil {
		return err
	}
	select {
	case <-done:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("timed out after %v: not every subscriber has the set", b.Timeout)
		}
		return ctx.Err()
	}
	last := time.Duration(0)
	for _, at := range b.arrivals.at {
		m.one = append(m.one, at.Sub(began))
		last = max(last, at.Sub(began))
	}
	m.all = append(m.all, last)
	visible := b.cost(ctx)
	after := b.settle(ctx, before.reports+reports)
	m.cpu = append(m.cpu, 1000*(visible.cpu-before.cpu))
	m.reportCPU = append(m.reportCPU, 1000*(after.cpu-visible.cpu))
	m.bytesOut = append(m.bytesOut, after.bytesOut-before.bytesOut)
	m.costUnknown = m.costUnknown || !before.ok || !visible.ok || !after.ok
	return nil
}

// pause is the time without requests before each publish. A machine that was idle wakes slowly, so
// that both sides have to begin alike.
const pause = 20 * time.Millisecond

// longestSettling bounds the wait for reports, some of which may never come.
const longestSettling = 3 * time.Second

// settle waits until Redis has executed so many reports since it began, and returns the cost
// until then.
func (b *bench) settle(ctx context.Context, reports int) cost {
	for end := time.Now().Add(longestSettling); ; {
		c := b.cost(ctx)
		if !c.ok || c.reports >= reports || time.Now().After(end) || ctx.Err() != nil {
			return c
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (m *measurement) side() Side {
	s := Side{One: quantilesOf(m.one), All: quantilesOf(m.all)}
	if !m.costUnknown {
		cpu, reports, out := median(m.cpu), median(m.reportCPU), median(m.bytesOut)
		s.CPU, s.ReportCPU, s.BytesOut = &cpu, &reports, &out
	}
	return s
}

// median sorts the values.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// cost is what Redis has used since it began.
type cost struct {
	// cpu is in seconds, bytesOut what Redis has sent, and reports how many times a subscriber
	// was added to the roster.
	cpu, bytesOut float64
	reports       int
	// ok is false if Redis does not report them.
	ok bool
}

func (b *bench) cost(ctx context.Context) cost {
	info, err := b.Client.InfoMap(ctx, "cpu", "stats", "commandstats").Result()
	if err != nil {
		return cost{}
	}
	user, err1 := strconv.ParseFloat(info["CPU"]["used_cpu_user"], 64)
	sys, err2 := strconv.ParseFloat(info["CPU"]["used_cpu_sys"], 64)
	out, err3 := strconv.ParseFloat(info["Stats"]["total_net_output_bytes"], 64)
	c := cost{cpu: user + sys, bytesOut: out, ok: err1 == nil && err2 == nil && err3 == nil}
	// The form is calls=42,usec=…
	calls, _, _ := strings.Cut(strings.TrimPrefix(info["Commandstats"]["cmdstat_zadd"], "calls="), ",")
	c.reports, _ = strconv.Atoi(calls) // no entry before the first call
	return c
}
