package bench

import (
	"context"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// bareRevision is the struct into which a client without fleetdial would decode the
// value.
type bareRevision struct {
	Version    int64           `msgpack:"version"`
	ID         string          `msgpack:"id"`
	Directives []bareDirective `msgpack:"directives"`
}

type bareDirective struct {
	ID             string `msgpack:"id"`
	Level          string `msgpack:"level"`
	SamplePerMille int    `msgpack:"sample_per_mille"`
	ExpiresAt      int64  `msgpack:"expires_at"`
	RingBuffer     bool   `msgpack:"ring_buffer"`
	Capture        bool   `msgpack:"capture"`
	Tenant         string `msgpack:"tenant"`
	Index          string `msgpack:"index"`
	Principal      string `msgpack:"principal"`
	Endpoint       string `msgpack:"endpoint"`
}

// subscribeBare starts a bare client, which reads and decodes the value for each message.
func (b *bench) subscribeBare(ctx context.Context) (stop func(), err error) {
	client, err := b.Connect()
	if err != nil {
		return nil, err
	}
	key := keyOf(b.floorFleet())
	ps := client.Subscribe(ctx, key)
	if _, err := ps.Receive(ctx); err != nil {
		_ = ps.Close()
		_ = client.Close()
		return nil, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if _, err := ps.ReceiveMessage(ctx); err != nil {
				return
			}
			value, err := client.Get(ctx, key).Bytes()
			if err != nil {
				continue
			}
			var rev bareRevision
			if msgpack.Unmarshal(value, &rev) == nil {
				b.arrivals.arrive()
			}
		}
	})
	return func() {
		_ = ps.Close()
		_ = client.Close()
		wg.Wait()
	}, nil
}
