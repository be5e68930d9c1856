package wire

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// fleetSet returns a typical set of a fleet: each directive names a tenant and an
// endpoint.
func fleetSet(t testing.TB, n int) *directive.Set {
	all := make([]directive.Directive, n)
	for i := range all {
		all[i] = directive.Directive{
			ID: fmt.Sprintf("directive-%05d", i), Level: directive.ShapeTiming, SamplePerMille: 100,
			Match:     directive.Match{Tenant: fmt.Sprintf("tenant-%05d", i), Endpoint: directive.Search},
			ExpiresAt: time.UnixMilli(1_790_000_600_000),
		}
	}
	return newSet(t, all...)
}

func benchValue(b *testing.B, n int) []byte {
	value, err := Encode(Revision{
		Version: 1, ID: NewID(), PublishedAt: time.UnixMilli(1_790_000_000_000), PublishedBy: "p", Set: fleetSet(b, n),
	})
	require.NoError(b, err)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	return value
}

var benchSizes = []int{10, 1000, 10_000}

func BenchmarkEncode(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			value := benchValue(b, n)
			rev, err := Decode(value)
			require.NoError(b, err)
			for b.Loop() {
				_, _ = Encode(rev)
			}
		})
	}
}

// BenchmarkDecode measures Decode, which includes the compilation of the set.
func BenchmarkDecode(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			value := benchValue(b, n)
			for b.Loop() {
				_, err := Decode(value)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkDecodedHeap reports the heap that a decoded revision takes while it is in use.
func BenchmarkDecodedHeap(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			value := benchValue(b, n)
			const kept = 16
			var revs [kept]Revision
			var each float64
			for b.Loop() {
				clear(revs[:])
				before := heap()
				for i := range revs {
					var err error
					revs[i], err = Decode(value)
					require.NoError(b, err)
				}
				each = float64(heap()-before) / kept
			}
			runtime.KeepAlive(&revs)
			b.ReportMetric(each, "heap-B/set")
			b.ReportMetric(each/float64(len(value)), "heap-B/value-B")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// plainRevision is the struct that the msgpack library decodes a value into.
type plainRevision struct {
	Format      int              `msgpack:"format"`
	ID          string           `msgpack:"id"`
	Version     int64            `msgpack:"version"`
	PublishedAt int64            `msgpack:"published_at"`
	PublishedBy string           `msgpack:"publisher"`
	Reason      string           `msgpack:"reason"`
	Directives  []plainDirective `msgpack:"directives"`
}

type plainDirective struct {
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

// BenchmarkPlainUnmarshal is the baseline for BenchmarkDecode. It measures the msgpack
// library alone, without checks and without a compiled set.
func BenchmarkPlainUnmarshal(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			value := benchValue(b, n)
			for b.Loop() {
				var plain plainRevision
				require.NoError(b, msgpack.Unmarshal(value, &plain))
			}
		})
	}
}
