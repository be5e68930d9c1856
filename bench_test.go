package fleetdial_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/examples"
	"github.com/fleetdial/fleetdial/testutil"
)

// benchFleet returns a subscriber that has a set, and its publisher.
func benchFleet(b *testing.B, set *fleetdial.Set) (*fleetdial.Subscriber, *fleetdial.Publisher) {
	server := testutil.StartRedis(b)
	client := server.Client(b)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(b, err)
	_, err = pub.Publish(context.Background(), set, fleetdial.PublishOptions{})
	require.NoError(b, err)
	sub, err := fleetdial.Subscribe(context.Background(), client, fleetdial.SubscriberConfig{Logger: quiet})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, sub.Close()) })
	require.Equal(b, set.Len(), sub.Load().Len())
	return sub, pub
}

// tenants returns a set of n directives, each for another tenant; the first is for acme, one request in ten.
func tenants(b *testing.B, n int) *fleetdial.Set {
	all := make([]fleetdial.Directive, n)
	for i := range all {
		all[i] = fleetdial.Directive{
			ID: fmt.Sprint("d", i), Match: fleetdial.Match{Tenant: fmt.Sprintf("tenant-%05d", i)},
			Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
		}
	}
	all[0].Match.Tenant, all[0].SamplePerMille = "acme", 400
	set, err := fleetdial.NewSet(all)
	require.NoError(b, err)
	return set
}

// concerned is a request that the first directive concerns, in its sample; other is one that none does.
var (
	concerned = fleetdial.Request{
		Tenant: "acme", Index: "orders", Principal: "svc", Endpoint: fleetdial.Search,
		ID: "0d9b5a7e-3f0a-4a53-9f6b-3b1c9a1f7c55",
	}
	other = fleetdial.Request{
		Tenant: "globex", Index: "orders", Principal: "svc", Endpoint: fleetdial.Search,
		ID: "0d9b5a7e-3f0a-4a53-9f6b-3b1c9a1f7c55",
	}
)

// BenchmarkLoadNoAlloc is one atomic load; run it with -cpu 1,2.
func BenchmarkLoadNoAlloc(b *testing.B) {
	sub, _ := benchFleet(b, tenants(b, 2))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			sub.Load()
		}
	})
}

// BenchmarkDecideNoAlloc is load, evaluate and, where a directive applies, the clock.
func BenchmarkDecideNoAlloc(b *testing.B) {
	for _, n := range []int{2, 10_000} {
		sub, _ := benchFleet(b, tenants(b, n))
		for name, req := range map[string]fleetdial.Request{"concerned": concerned, "other": other} {
			b.Run(fmt.Sprintf("n=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					sub.Decide(req)
				}
			})
		}
	}
}

// BenchmarkDecideWhileSwapping reports the 99.9th percentile of Decide at rest and while sets of 1,000 directives are
// published 1,000 times a second.
func BenchmarkDecideWhileSwapping(b *testing.B) {
	set := tenants(b, 1000)
	sub, pub := benchFleet(b, set)
	measure := func() time.Duration {
		const samples = 200_000
		took := make([]time.Duration, samples)
		for i := range took {
			began := time.Now()
			sub.Decide(concerned)
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		return took[samples*999/1000]
	}
	var rest, storm time.Duration
	for b.Loop() {
		rest = measure()
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				_, _ = pub.Publish(ctx, set, fleetdial.PublishOptions{})
				<-tick.C
			}
		})
		storm = measure()
		cancel()
		wg.Wait()
	}
	b.ReportMetric(float64(rest.Nanoseconds()), "p99.9-rest-ns")
	b.ReportMetric(float64(storm.Nanoseconds()), "p99.9-storm-ns")
	b.ReportMetric(float64(storm)/float64(rest), "ratio")
}

// BenchmarkSubscriberHeap reports the heap that each of several subscribers in a process
// takes, by the number of directives. The heap of the client is included.
func BenchmarkSubscriberHeap(b *testing.B) {
	for _, size := range []struct{ directives, subscribers int }{{10, 100}, {10_000, 10}} {
		b.Run(fmt.Sprintf("n=%d", size.directives), func(b *testing.B) {
			server := testutil.StartRedis(b)
			pub, err := fleetdial.NewPublisher(server.Client(b), fleetdial.PublisherConfig{})
			require.NoError(b, err)
			all := tenants(b, size.directives).Directives()
			for i := range all {
				all[i].ID, all[i].Match.Endpoint = fmt.Sprintf("directive-%05d", i), fleetdial.Search
			}
			set, err := fleetdial.NewSet(all)
			require.NoError(b, err)
			_, err = pub.Publish(context.Background(), set, fleetdial.PublishOptions{})
			require.NoError(b, err)
			var each float64
			for b.Loop() {
				each = heapOfSubscribers(b, server.URL(), size.subscribers)
			}
			b.ReportMetric(each, "heap-B/subscriber")
		})
	}
}

// heapOfSubscribers returns the heap that each of n subscribers takes, and closes them.
func heapOfSubscribers(b *testing.B, url string, n int) float64 {
	before := heap()
	subs := make([]*fleetdial.Subscriber, n)
	for i := range subs {
		client := newURLClient(b, url)
		sub, err := fleetdial.Subscribe(context.Background(), client, fleetdial.SubscriberConfig{Logger: quiet})
		require.NoError(b, err)
		subs[i] = sub
	}
	each := float64(heap()-before) / float64(n)
	for _, sub := range subs {
		require.NoError(b, sub.Close())
	}
	return each
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPublishToVisible measures from the call of Publish until Load returns the set, on loopback.
func BenchmarkPublishToVisible(b *testing.B) {
	set, err := fleetdial.ParseSet(examples.Incident, time.Now())
	require.NoError(b, err)
	sub, pub := benchFleet(b, set)
	changed := make(chan struct{}, 1)
	defer sub.OnChange(func(fleetdial.Change) { changed <- struct{}{} })()
	for b.Loop() {
		_, err := pub.Publish(context.Background(), set, fleetdial.PublishOptions{})
		require.NoError(b, err)
		<-changed
	}
}
