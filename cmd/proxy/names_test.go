package main

import (
	"net/url"
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/fleethttp"
)

func TestIndexName_AcceptedAndRejected(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"", "orders", "orders,sales", "-orders*", "*", "_all", ".kibana_1", "remote:orders", "Alias", "bücher",
		"<logs-{now/d}>", "<logs-{now/d{yyyy.MM.dd|+12:00}}>,orders", strings.Repeat("x", 255), "a,,b",
	} {
		assert.Equal(t, good, indexName(good))
	}
	for _, bad := range []string{
		"orders/_doc/canary", `canary"query":1`, `a\b`, "a b", "a#b", "a|b", "a?b", "a<b", "a\nb", "a\x7fb", "\xff", "_search",
		"<orders/canary>", "<logs-{now/d>", "<{\"canary\"}>", "orders,a/b", strings.Repeat("x", 256),
	} {
		assert.Equal(t, other, indexName(bad), "%q", bad)
	}
	many := strings.Repeat("orders,", 100)
	assert.Equal(t, many[:maxName]+"…", indexName(many))
}

func TestTruncate_KeepsRunes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abc", truncate("abc", 3))
	assert.Equal(t, "abc…", truncate("abcd", 3))
	assert.Equal(t, "aü…", truncate("aüüü", 4))
	assert.Equal(t, "\x80…", truncate(strings.Repeat("\x80", 100), 5))
}

// TestRecord_BoundedMemory records requests with long names. The names in the record must
// be truncated, and the record must not keep the request in memory.
func TestRecord_BoundedMemory(t *testing.T) {
	t.Parallel()
	for _, size := range []int{20, 900 << 10} {
		rec, sources := recordOf(size)
		for _, text := range []string{rec.Tenant, rec.Index, rec.RequestID, rec.Method} {
			assert.LessOrEqual(t, len(text), maxName+len("…"))
		}
		runtime.GC()
		for i, source := range sources {
			assert.Nil(t, source.Value(), "source %d of %d bytes", i, size)
		}
		runtime.KeepAlive(rec)
	}
}

// recordOf returns the record of a request with names of size bytes, and pointers to the
// strings that contain the names. The names are substrings, as in a request of net/http.
func recordOf(size int) (rec record, sources []weak.Pointer[byte]) {
	line := "POST /" + strings.Repeat("x", size) + "/_search"
	tenant, id := strings.Repeat("t", size+1), strings.Repeat("0123456789abcdef", 1000)
	endpoint, index := fleethttp.OpenSearch(line[:4], &url.URL{Path: line[5:]})
	e := newExchange(fleetdial.Decision{}, fleetdial.Request{
		Tenant: tenant[1:], Index: index, Endpoint: endpoint, ID: id[:32],
	}, line[:4])
	for _, text := range []string{line, tenant, id} {
		sources = append(sources, weak.Make(unsafe.StringData(text)))
	}
	return e.record(stages{}), sources
}
