package fleetdial_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// bigFleet starts 1,000 subscribers of one fleet in this process, and returns its publisher.
func bigFleet(b *testing.B, reportInterval time.Duration) (*fleetdial.Publisher, *redis.Client) {
	const subscribers = 1000
	server := testutil.StartRedis(b)
	for i := range subscribers {
		sub, err := fleetdial.Subscribe(context.Background(), newURLClient(b, server.URL()), fleetdial.SubscriberConfig{
			Instance: fmt.Sprintf("proxy-%04d", i), ReportInterval: reportInterval, Logger: quiet,
		})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, sub.Close()) })
	}
	client := server.Client(b)
	pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(b, err)
	if reportInterval > 0 {
		testutil.Eventually(b, 30*time.Second, "all report", func() bool {
			roster, err := pub.Roster(context.Background())
			return err == nil && len(roster.Instances) == subscribers
		})
	}
	return pub, client
}

// BenchmarkIdleFleet reports what 1,000 subscribers that nothing is published to cost Redis, in percent of a core: their
// pings and resyncs, and with "reports" their reports too. An iteration takes 30 s, the time between two resyncs; one
// is enough.
func BenchmarkIdleFleet(b *testing.B) {
	for name, reportInterval := range map[string]time.Duration{"silent": -1, "reports": fleetdial.DefaultReportInterval} {
		b.Run(name, func(b *testing.B) {
			_, client := bigFleet(b, reportInterval)
			began := redisCPU(b, client)
			b.ResetTimer()
			for b.Loop() {
				<-time.After(30 * time.Second)
			}
			b.ReportMetric(100*(redisCPU(b, client)-began)/b.Elapsed().Seconds(), "redis-cpu-%")
		})
	}
}

// redisCPU returns the CPU seconds that Redis has taken.
func redisCPU(b *testing.B, client *redis.Client) (total float64) {
	info, err := client.InfoMap(context.Background(), "cpu").Result()
	require.NoError(b, err)
	for _, field := range []string{"used_cpu_user", "used_cpu_sys"} {
		seconds, err := strconv.ParseFloat(info["CPU"][field], 64)
		require.NoError(b, err)
		total += seconds
	}
	return total
}

// BenchmarkWait reports the time from a publish having returned until Wait knows that 1,000 instances have it.
func BenchmarkWait(b *testing.B) {
	ctx := context.Background()
	pub, _ := bigFleet(b, fleetdial.DefaultReportInterval)
	set := tenants(b, 10)
	var took []time.Duration
	for b.Loop() {
		roster, err := pub.Roster(ctx)
		require.NoError(b, err)
		rev, err := pub.Publish(ctx, set, fleetdial.PublishOptions{})
		require.NoError(b, err)
		began := time.Now()
		status, err := pub.Wait(ctx, rev, roster, fleetdial.WaitOptions{})
		require.NoError(b, err)
		took = append(took, time.Since(began))
		require.Equal(b, 1000, status.Applied)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
}

// BenchmarkRoster reads the roster of 1,000 instances.
func BenchmarkRoster(b *testing.B) {
	pub, _ := bigFleet(b, fleetdial.DefaultReportInterval)
	for b.Loop() {
		_, err := pub.Roster(context.Background())
		require.NoError(b, err)
	}
}
