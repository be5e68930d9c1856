package fleetdial_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/testutil"
)

// distantConn delays the first write after each read, so that a round trip takes longer.
type distantConn struct {
	net.Conn
	by time.Duration
	// sent says that nothing was read since the last write.
	sent atomic.Bool
}

func (c *distantConn) Write(b []byte) (int, error) {
	if !c.sent.Swap(true) {
		time.Sleep(c.by)
	}
	return c.Conn.Write(b)
}

func (c *distantConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.sent.Store(false)
	return n, err
}

// BenchmarkPublish measures a publish without subscribers, on loopback and with round trips of
// 2 ms.
func BenchmarkPublish(b *testing.B) {
	server := testutil.StartRedis(b)
	for _, delay := range []time.Duration{0, 2 * time.Millisecond} {
		client := redis.NewClient(&redis.Options{
			Addr: server.Addr(), Protocol: 2,
			Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				if err != nil || delay == 0 {
					return conn, err
				}
				return &distantConn{Conn: conn, by: delay}, nil
			},
		})
		b.Cleanup(func() { _ = client.Close() })
		pub, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
		require.NoError(b, err)
		for _, n := range []int{10, 1000} {
			set := tenants(b, n)
			b.Run(fmt.Sprintf("n=%d/delay=%v", n, delay), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := pub.Publish(context.Background(), set, fleetdial.PublishOptions{})
					require.NoError(b, err)
				}
			})
		}
	}
}
