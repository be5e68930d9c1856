package console

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// largeFleet publishes 10,000 directives, and writes the reports of 5,000 instances.
func largeFleet(t testing.TB, server *testutil.Redis) {
	t.Helper()
	directives := make([]fleetdial.Directive, fleetdial.MaxDirectives)
	for i := range directives {
		directives[i] = timing(fmt.Sprintf("directive-%05d", i), fmt.Sprint("tenant-", i), time.Hour)
	}
	publishAs(t, server, "lee", "all tenants", directives...)
	client := server.Client(t)
	p, err := fleetdial.NewPublisher(client, fleetdial.PublisherConfig{})
	require.NoError(t, err)
	roster, err := p.Roster(t.Context())
	require.NoError(t, err)
	_, err = client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		for i := range 5000 {
			r := wire.Report{
				Instance: fmt.Sprintf("proxy-%04d", i), StartedAt: roster.Now, Since: roster.Now, WrittenAt: roster.Now,
				Every: time.Minute, State: fleetdial.StateLive, Source: "redis", MaxFormat: 2,
				Labels:  map[string]string{"zone": fmt.Sprint("zone-", i%10)},
				Applied: &wire.Applied{Version: roster.Version, ID: roster.ID, PublishedAt: roster.PublishedAt, At: roster.Now, Digest: roster.Digest},
			}
			if i == 4321 {
				r.Applied, r.Rejected = nil, &wire.Rejected{Version: roster.Version, ID: roster.ID, Reason: "malformed", Error: "too large", At: roster.Now}
			}
			pipe.Set(t.Context(), "fleetdial:{default}:instance:"+r.Instance, wire.EncodeReport(&r), time.Hour)
			pipe.ZAdd(t.Context(), "fleetdial:{default}:fleet", redis.Z{Score: float64(r.WrittenAt.UnixMilli()), Member: r.Instance})
		}
		return nil
	})
	require.NoError(t, err)
}

func TestLarge_PagesStayFluid(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	largeFleet(t, server)
	c := signIn(t, server)
	for _, page := range []struct{ path, text string }{
		{"", "all 5000"},
		{"directives", "1 to 100 of 10000"},
		{"history", "all tenants"},
		{"rollout/1", "4999 of 5000 live instances"},
		{"instances/proxy-0001", "SYNCED"},
		{"directives?page=100", "9901 to 10000 of 10000"},
		{"?label=zone%3Dzone-7", "1 to 100 of 500"},
		{"explain?explain=yes&tenant=tenant-77", "directive-00077"},
		{"publish", "Recording"},
	} {
		c.Go(page.path)
		c.WaitText("main", page.text)
		bytes, took := c.Cost()
		t.Logf("/%s: %d KB in %v", page.path, bytes>>10, took.Round(time.Millisecond))
		assert.Less(t, bytes, int64(200<<10))
		assert.Less(t, took, 10*time.Second)
	}
	c.Go("")
	assert.Equal(t, "proxy-4321", Eval[string](c.Page, "document.querySelector('tbody a').innerText"), "bad instances are first")
	c.Axe()
	begin := time.Now()
	c.Fill("[name=q]", "proxy-499")
	c.Wait("ten rows are left", "document.querySelectorAll('tbody tr').length === 10")
	t.Logf("found instances after %v", time.Since(begin).Round(time.Millisecond))
	c.Go("directives")
	begin = time.Now()
	c.Fill("[name=q]", "directive-0499")
	c.Wait("ten rows are left", "document.querySelectorAll('tbody tr').length === 10")
	t.Logf("found directives after %v", time.Since(begin).Round(time.Millisecond))
	c.Click("#end-directive-04995")
	c.WaitText("h1", "Rollout of version 2")
	assert.Equal(t, fleetdial.MaxDirectives-1, c.current().Set.Len())
}
