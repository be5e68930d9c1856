package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
)

// bench is one measurement, with what has to be taken away after it.
type bench struct {
	*app
	flags     benchFlags
	client    redis.UniversalClient
	publisher *fleetdial.Publisher
	set       *fleetdial.Set
	began     bool // whether anything may have been written
	heap      int64
	arrivals  *arrivals
	closers   []func()
}

// Both sides have keys of their own: whoever listens to the one is not woken by the other.
func (b *bench) key() string      { return "fleetdial:{" + b.fleet + "}" }
func (b *bench) floorKey() string { return "fleetdial:{" + b.fleet + "}:bench" }

// arrivals collects when each subscriber had the set that was published last.
type arrivals struct {
	mu   sync.Mutex
	at   []time.Time
	left int
	done chan struct{}
}

// expect begins to wait for n subscribers.
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

func (b *bench) prepare(ctx context.Context) error {
	var err error
	if b.client, err = b.connect(); err != nil {
		return err
	}
	b.publisher, err = fleetdial.NewPublisher(b.client, fleetdial.PublisherConfig{Fleet: b.fleet, PublishedBy: "bench"})
	if err != nil {
		return &usageError{err}
	}
	switch _, err := b.publisher.Current(ctx); {
	case err == nil:
		return &refusedError{fmt.Errorf("fleet %q has a revision: bench does not touch it", b.fleet)}
	case !errors.Is(err, fleetdial.ErrNoRevision):
		return err
	}
	b.began = true
	if b.set, err = b.makeSet(ctx); err != nil {
		return err
	}
	b.arrivals = &arrivals{}
	before := heapInUse()
	if err := b.each(func(i int) (func(), error) { return b.subscribe(ctx, i) }); err != nil {
		return err
	}
	b.heap = (heapInUse() - before) / int64(b.flags.subscribers)
	return b.each(func(int) (func(), error) { return b.subscribeBare(ctx) })
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// makeSet returns a set of which each directive names another tenant.
func (b *bench) makeSet(ctx context.Context) (*fleetdial.Set, error) {
	now, err := b.publisher.Now(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]fleetdial.Directive, b.flags.directives)
	for i := range all {
		all[i] = fleetdial.Directive{
			ID: fmt.Sprintf("bench-%05d", i), Level: fleetdial.Shape, SamplePerMille: 100,
			Match:     fleetdial.Match{Tenant: fmt.Sprintf("bench-tenant-%05d", i), Endpoint: fleetdial.Search},
			ExpiresAt: now.Add(time.Hour),
		}
	}
	return fleetdial.NewSet(all)
}

// each starts one of the subscribers of a side, some at a time.
func (b *bench) each(start func(i int) (func(), error)) error {
	const atOnce = 32
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	slots := make(chan struct{}, atOnce)
	for i := range b.flags.subscribers {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			stop, err := start(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			b.closers = append(b.closers, stop)
		})
	}
	wg.Wait()
	return failed
}

func (b *bench) subscribe(ctx context.Context, i int) (stop func(), err error) {
	client, err := b.connect()
	if err != nil {
		return nil, err
	}
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{
		Fleet: b.fleet, Instance: fmt.Sprint("bench-", i), Logger: discard,
	})
	if err != nil {
		client.Close()
		return nil, err
	}
	sub.OnChange(func(fleetdial.Change) { b.arrivals.arrive() })
	return func() {
		_ = sub.Close()
		_ = client.Close()
	}, nil
}

// run publishes to one side and the other in turns.
func (b *bench) run(ctx context.Context) (benchReport, error) {
	report := benchReport{
		Redis: b.redisName(ctx), Subscribers: b.flags.subscribers, Directives: b.flags.directives,
		Publishes: b.flags.publishes, HeapBytes: b.heap,
	}
	fleet, floor := &measurement{}, &measurement{}
	progress := newProgress(b.app, 2*b.flags.publishes)
	defer progress.end()
	for i := range b.flags.publishes {
		err := b.measure(ctx, fleet, func() error {
			_, err := b.publisher.Publish(ctx, b.set, fleetdial.PublishOptions{})
			return err
		})
		if err != nil {
			return report, err
		}
		progress.step()
		value, err := b.client.Get(ctx, b.key()).Bytes()
		if err != nil {
			return report, err
		}
		report.ValueBytes = len(value)
		if err := b.measure(ctx, floor, func() error { return b.publishBare(ctx, value, i) }); err != nil {
			return report, err
		}
		progress.step()
	}
	report.Fleet, report.Floor = fleet.side(b.flags.publishes), floor.side(b.flags.publishes)
	report.Ratio = report.Fleet.All.P50 / report.Floor.All.P50
	return report, nil
}

// measurement is what has been measured of one side.
type measurement struct {
	one, all      []time.Duration
	cpu, bytesOut float64
	blind         bool // whether Redis does not tell what it costs
}

func (b *bench) measure(ctx context.Context, m *measurement, publish func() error) error {
	cpu, out, ok := b.cost(ctx)
	done := b.arrivals.expect(b.flags.subscribers)
	began := time.Now()
	if err := publish(); err != nil {
		return err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.timeout):
		return fmt.Errorf("not all subscribers had the set within %v", b.timeout)
	}
	last := time.Duration(0)
	for _, at := range b.arrivals.at {
		m.one = append(m.one, at.Sub(began))
		last = max(last, at.Sub(began))
	}
	m.all = append(m.all, last)
	cpuAfter, outAfter, okAfter := b.cost(ctx)
	m.cpu, m.bytesOut = m.cpu+cpuAfter-cpu, m.bytesOut+outAfter-out
	m.blind = m.blind || !ok || !okAfter
	return nil
}

func (m *measurement) side(publishes int) benchSide {
	s := benchSide{One: quantilesOf(m.one), All: quantilesOf(m.all)}
	if !m.blind {
		cpu, out := m.cpu*1000/float64(publishes), m.bytesOut/float64(publishes)
		s.CPU, s.BytesOut = &cpu, &out
	}
	return s
}

func quantilesOf(all []time.Duration) quantiles {
	slices.Sort(all)
	at := func(q float64) float64 { return millis(all[min(len(all)-1, int(q*float64(len(all))))]) }
	return quantiles{P50: at(0.5), P99: at(0.99), Max: at(1)}
}

// cost returns the CPU seconds that Redis has taken, and the bytes that it has sent.
func (b *bench) cost(ctx context.Context) (cpu, bytesOut float64, ok bool) {
	info, err := b.client.InfoMap(ctx, "cpu", "stats").Result()
	if err != nil {
		return 0, 0, false
	}
	user, err1 := strconv.ParseFloat(info["CPU"]["used_cpu_user"], 64)
	sys, err2 := strconv.ParseFloat(info["CPU"]["used_cpu_sys"], 64)
	out, err3 := strconv.ParseFloat(info["Stats"]["total_net_output_bytes"], 64)
	return user + sys, out, err1 == nil && err2 == nil && err3 == nil
}

func (b *bench) redisName(ctx context.Context) string {
	if b.flags.embedded {
		return "embedded Redis"
	}
	info, err := b.client.InfoMap(ctx, "server").Result()
	if err != nil {
		return "Redis"
	}
	return strings.TrimSpace("redis-server " + info["Server"]["redis_version"])
}

// close ends the subscribers and takes away what was written, also after Ctrl-C.
func (b *bench) close() {
	var wg sync.WaitGroup
	for _, stop := range b.closers {
		wg.Go(stop)
	}
	wg.Wait()
	if b.client == nil {
		return
	}
	if b.began {
		ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
		defer cancel()
		if err := b.client.Del(ctx, b.key(), b.key()+":history", b.key()+":fleet", b.floorKey()).Err(); err != nil {
			b.say("could not take away %s: %v", b.key(), err)
		}
	}
	_ = b.client.Close()
}
