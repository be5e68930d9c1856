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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// startTargets starts an upstream, and proxies that forward to it with different sets. It
// returns the URL of each target by its name.
func startTargets(b *testing.B) map[string]string {
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
	directives := make([]fleetdial.Directive, 100)
	for i := range directives {
		directives[i] = fleetdial.Directive{
			ID: fmt.Sprint(i), Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
			Match: fleetdial.Match{Tenant: fmt.Sprint("tenant-", i)},
		}
	}
	noMatch, err := fleetdial.NewSet(directives)
	require.NoError(b, err)
	directives[0].Match.Tenant = "acme"
	oneMatch, err := fleetdial.NewSet(directives)
	require.NoError(b, err)
	return map[string]string{
		"1 upstream alone": upstream.URL, "2 forwarding only": serve(config{withoutDirectives: true}, nil),
		"3 empty set": serve(config{}, nil), "4 100 directives no match": serve(config{}, noMatch),
		"5 100 directives one match": serve(config{}, oneMatch),
	}
}

func newSearch(b *testing.B, addr string) *http.Request {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, addr+"/orders/_search", strings.NewReader(`{"query":{"match_all":{}}}`))
	require.NoError(b, err)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set("X-Request-Id", "9f3c1c")
	return r
}

// send sends a copy of the request, and reads the response.
func send(client *http.Client, r *http.Request) error {
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

// BenchmarkProxyLatency sends requests to each target in turn, so that other load on the
// machine affects all targets alike. It reports the median latency of each target.
func BenchmarkProxyLatency(b *testing.B) {
	addrs := startTargets(b)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	names := slices.Sorted(maps.Keys(addrs))
	took := make(map[string][]time.Duration)
	for b.Loop() {
		for _, name := range names {
			began := time.Now()
			if err := send(client, newSearch(b, addrs[name])); err != nil {
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

// BenchmarkProxyThroughput sends bursts of eight clients to each target in turn. It
// reports the median rate of each target, and the median ratio to the bursts of the
// target that only forwards.
func BenchmarkProxyThroughput(b *testing.B) {
	const clients, each = 8, 250
	addrs := startTargets(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	burst := func(addr string) (rate float64) {
		began := time.Now()
		var wait sync.WaitGroup
		for range clients {
			wait.Go(func() {
				r := newSearch(b, addr)
				for range each {
					if err := send(client, r); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wait.Wait()
		return clients * each / time.Since(began).Seconds()
	}
	names := []string{"2 forwarding only", "3 empty set", "4 100 directives no match"}
	rates, ratios := make(map[string][]float64), make(map[string][]float64)
	for b.Loop() {
		base := burst(addrs[names[0]])
		rates[names[0]] = append(rates[names[0]], base)
		for _, name := range names[1:] {
			// Each burst is compared with the forwarding bursts before and after it, so
			// that a change in the speed of the machine affects both.
			rate := burst(addrs[name])
			after := burst(addrs[names[0]])
			rates[name], ratios[name] = append(rates[name], rate), append(ratios[name], 2*rate/(base+after))
			base = after
		}
	}
	for _, name := range names {
		label := strings.ReplaceAll(name, " ", "_")
		b.ReportMetric(median(rates[name]), "requests/s/"+label)
		if all := ratios[name]; all != nil {
			b.ReportMetric(median(all), "of_forwarding/"+label)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
