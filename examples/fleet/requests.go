package main

import (
	"context"
	"io"
	"net/http"
	"time"
)

// send sends that many requests per second to the proxies in turns, of the tenants acme and globex,
// until ctx ends.
func send(ctx context.Context, proxies []string, rate int) {
	if rate <= 0 {
		return
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		tenant := []string{"acme", "globex"}[n/len(proxies)%2]
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+proxies[n%len(proxies)]+"/orders/_search", http.NoBody)
		if err != nil {
			return // not possible: the address is one of a listener
		}
		r.Header.Set("X-Tenant", tenant)
		if resp, err := client.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
}
