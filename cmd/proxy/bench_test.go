package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// fronts are what stands before an upstream, by how much it does: nothing, a proxy that only forwards, and ones that ask
// a set.
func fronts(b *testing.B) map[string]string {
	b.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(hello))
	b.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	require.NoError(b, err)
	transport := newTransport()
	b.Cleanup(transport.CloseIdleConnections)
	serve := func(c config, set *fleetdial.Set) string {
		c.upstreamURL, c.tenantHeader, c.ring = target, "X-Tenant", 256
		records := slog.New(slog.NewJSONHandler(io.Discard, nil))
		handler, err := (&fleet{store: fleetdial.Static(set)}).decide(c, newProxy(c, transport, records, nil, tracer{}))
		require.NoError(b, err)
		server := httptest.NewServer(handler)
		b.Cleanup(server.Close)
		return server.URL
	}
	others := make([]fleetdial.Directive, 100)
	for i := range others {
		others[i] = fleetdial.Directive{
			ID: fmt.Sprint(i), Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
			Match: fleetdial.Match{Tenant: fmt.Sprint("tenant-", i)},
		}
	}
	set, err := fleetdial.NewSet(others)
	require.NoError(b, err)
	others[0].Match.Tenant = "acme"
	applies, err := fleetdial.NewSet(others)
	require.NoError(b, err)
	return map[string]string{
		"1 upstream alone": upstream.URL, "2 forwards only": serve(config{withoutDirectives: true}, nil),
		"3 empty set": serve(config{}, nil), "4 100 directives of others": serve(config{}, set),
		"5 one applies, with timing": serve(config{}, applies),
	}
}

func searchOf(b *testing.B, addr string) *http.Request {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, addr+"/orders/_search", strings.NewReader(`{"query":{"match_all":{}}}`))
	require.NoError(b, err)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set("X-Request-Id", "9f3c1c")
	return r
}

func ask(client *http.Client, r *http.Request) error {
	r = r.Clone(r.Context())
	r.Body, _ = r.GetBody()
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err
}

// BenchmarkProxyLatency asks each front in turn, so that what the machine does besides concerns all alike, and reports the median of each.
func BenchmarkProxyLatency(b *testing.B) {
	addrs := fronts(b)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	names := slices.Sorted(maps.Keys(addrs))
	took := make(map[string][]time.Duration)
	for b.Loop() {
		for _, name := range names {
			began := time.Now()
			if err := ask(client, searchOf(b, addrs[name])); err != nil {
				b.Fatal(err)
			}
			took[name] = append(took[name], time.Since(began))
		}
	}
	for _, name := range names {
		all := slices.Sorted(slices.Values(took[name]))
		b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1000, "µs/"+strings.ReplaceAll(name, " ", "_"))
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkProxyThroughput has eight clients ask one front as fast as they can.
func BenchmarkProxyThroughput(b *testing.B) {
	addrs := fronts(b)
	for _, name := range []string{"2 forwards only", "3 empty set", "4 100 directives of others"} {
		b.Run(strings.ReplaceAll(name[2:], " ", "_"), func(b *testing.B) {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				r := searchOf(b, addrs[name])
				for pb.Next() {
					if err := ask(client, r); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
