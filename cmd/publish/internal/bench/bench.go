// Package bench measures the time from the call of publish until subscribers have the
// set, and compares it with the floor: bare Redis clients that follow another fleet, to which
// the same set is published in turn.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// ErrFleetInUse is returned by [Run] if the fleet has a revision. Run changes nothing
// then.
var ErrFleetInUse = errors.New("the fleet has a revision, and bench needs an unused fleet")

// Config describes one measurement.
type Config struct {
	// Fleet is the name of the fleet. Run deletes the keys of the fleet at the end.
	Fleet string
	// Client and Publisher use the Redis that is measured.
	Client    redis.UniversalClient
	Publisher *fleetdial.Publisher
	// Connect returns a client of the same Redis for one subscriber.
	Connect func() (redis.UniversalClient, error)
	// RedisName is the name of the Redis in the report. The default is the version that
	// Redis reports.
	RedisName string

	Subscribers, Directives, Publishes int

	// Timeout bounds the wait for the subscribers after each publish.
	Timeout time.Duration
	// Messages receives the progress bar and the error of a failed cleanup.
	Messages io.Writer
}

// Run measures, and deletes the keys of the fleet afterwards. It returns [ErrFleetInUse]
// if the fleet has a revision.
func Run(ctx context.Context, cfg Config) (Report, error) {
	b := &bench{Config: cfg, arrivals: &arrivals{}}
	var err error
	if b.floor, err = fleetdial.NewPublisher(cfg.Client, fleetdial.PublisherConfig{Fleet: b.floorFleet()}); err != nil {
		return Report{}, err
	}
	if err := cmp.Or(b.checkUnused(ctx, b.Fleet, b.Publisher), b.checkUnused(ctx, b.floorFleet(), b.floor)); err != nil {
		return Report{}, err
	}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return Report{}, err
	}
	return b.run(ctx)
}

// checkUnused returns an error unless the fleet has no revision.
func (b *bench) checkUnused(ctx context.Context, fleet string, p *fleetdial.Publisher) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	switch _, err := p.Current(ctx); {
	case err == nil:
		return fmt.Errorf("fleet %q: %w", fleet, ErrFleetInUse)
	case !errors.Is(err, fleetdial.ErrNoRevision):
		return err
	}
	return nil
}

// bench is one measurement in progress.
type bench struct {
	Config
	floor    *fleetdial.Publisher
	set      *fleetdial.Set
	heap     int64 // of one subscriber
	arrivals *arrivals
	closers  []func()
}

// The subscribers and the bare clients follow different fleets, so that neither side receives
// the messages of the other.
func (b *bench) floorFleet() string { return b.Fleet[:min(len(b.Fleet), 58)] + ".floor" }

// keyOf returns the key of a fleet, which is also the name of its channel.
func keyOf(fleet string) string { return "fleetdial:{" + fleet + "}" }

// prepare starts the subscribers of both sides.
func (b *bench) prepare(ctx context.Context) error {
	var err error
	if b.set, err = b.makeSet(ctx); err != nil {
		return err
	}
	before := heapInUse()
	if err := b.startAll(func(i int) (func(), error) { return b.subscribe(ctx, i) }); err != nil {
		return err
	}
	b.heap = (heapInUse() - before) / int64(b.Subscribers)
	return b.startAll(func(int) (func(), error) { return b.subscribeBare(ctx) })
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// makeSet returns a set whose directives each match another tenant.
func (b *bench) makeSet(ctx context.Context) (*fleetdial.Set, error) {
	now, err := b.Publisher.Now(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]fleetdial.Directive, b.Directives)
	for i := range all {
		all[i] = fleetdial.Directive{
			ID: fmt.Sprintf("bench-%05d", i), Level: fleetdial.Shape, SamplePerMille: 100,
			Match:     fleetdial.Match{Tenant: fmt.Sprintf("bench-tenant-%05d", i), Endpoint: fleetdial.Search},
			ExpiresAt: now.Add(time.Hour),
		}
	}
	return fleetdial.NewSet(all)
}

// startAll starts the subscribers of one side, up to 32 at the same time.
func (b *bench) startAll(start func(i int) (stop func(), err error)) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	slots := make(chan struct{}, 32)
	for i := range b.Subscribers {
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
	client, err := b.Connect()
	if err != nil {
		return nil, err
	}
	sub, err := fleetdial.Subscribe(ctx, client, fleetdial.SubscriberConfig{
		Fleet: b.Fleet, Instance: fmt.Sprint("bench-", i), Logger: slog.New(slog.DiscardHandler),
		// Pings and timed reports cost the same whether anybody publishes.
		SubscriptionTimeout: time.Minute, ReportInterval: time.Hour,
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

// run publishes to the two sides in turn.
func (b *bench) run(ctx context.Context) (Report, error) {
	report := Report{
		Redis: b.redisName(ctx), Subscribers: b.Subscribers, Directives: b.Directives,
		Publishes: b.Publishes, HeapBytes: b.heap,
	}
	fleet, floor := &measurement{}, &measurement{}
	b.settle(ctx, b.Subscribers) // the first reports
	progress := tui.NewProgress(b.Messages, 2*b.Publishes)
	defer progress.End()
	for range b.Publishes {
		if err := b.measure(ctx, fleet, b.Subscribers, b.Publisher); err != nil {
			return report, err
		}
		progress.Step()
		if err := b.measure(ctx, floor, 0, b.floor); err != nil {
			return report, err
		}
		progress.Step()
	}
	length, err := b.Client.StrLen(ctx, keyOf(b.Fleet)).Result()
	if err != nil {
		return report, err
	}
	report.ValueBytes = int(length)
	report.Fleet, report.Floor = fleet.side(), floor.side()
	report.Ratio = report.Fleet.All.P50 / report.Floor.All.P50
	return report, nil
}

func (b *bench) redisName(ctx context.Context) string {
	if b.RedisName != "" {
		return b.RedisName
	}
	info, err := b.Client.InfoMap(ctx, "server").Result()
	if err != nil {
		return "Redis"
	}
	return strings.TrimSpace("redis-server " + info["Server"]["redis_version"])
}

// close ends the subscribers and deletes the keys of the fleet. Its context is
// independent of Run's, so that Ctrl-C leaves no keys.
func (b *bench) close() {
	var wg sync.WaitGroup
	for _, stop := range b.closers {
		wg.Go(stop)
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), b.Timeout)
	defer cancel()
	for _, fleet := range []string{b.Fleet, b.floorFleet()} {
		key := keyOf(fleet)
		if err := b.Client.Del(ctx, key, key+":history", key+":fleet").Err(); err != nil {
			fmt.Fprintf(b.Messages, "delete the keys of fleet %q: %v\n", fleet, err)
		}
	}
}
