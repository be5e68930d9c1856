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

func TestIndexNames(t *testing.T) {
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

func TestCutIsAtARune(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abc", cut("abc", 3))
	assert.Equal(t, "abc…", cut("abcd", 3))
	assert.Equal(t, "aü…", cut("aüüü", 4))
	assert.Equal(t, "\x80…", cut(strings.Repeat("\x80", 100), 5))
}

// TestARecordIsShort: what a client can make long is cut, and no record keeps the request that it is of in memory.
func TestARecordIsShort(t *testing.T) {
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

// recordOf returns the record of a request with names of so many bytes, which are parts of others as net/http's are.
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
