package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// fill publishes a full history of sets with 10,000 directives, and writes the reports of 5,000
// instances that have applied the last one.
func (r *rig) fill() {
	r.Helper()
	directives := make([]fleetdial.Directive, fleetdial.MaxDirectives)
	for i := range directives {
		directives[i] = directive(fmt.Sprintf("directive-%05d", i), 20*time.Hour)
		directives[i].Match.Tenant = fmt.Sprintf("tenant-%d", i%1000)
		if i%10 == 0 {
			directives[i].Instances = &fleetdial.Instances{Labels: map[string]string{"zone": "a"}}
		}
	}
	var rev fleetdial.Revision
	for i := range fleetdial.DefaultHistory {
		directives[i].SamplePerMille = 1
		rev = r.publish(directives...)
	}
	now := time.Now()
	_, err := r.client.Pipelined(r.Context(), func(pipe redis.Pipeliner) error {
		for i := range 5000 {
			report := wire.Report{
				Instance: fmt.Sprintf("proxy-%04d", i), StartedAt: now, Since: now, WrittenAt: now,
				Every: time.Minute, State: fleetdial.StateLive, Source: "redis", MaxFormat: 2, Fleetdial: "v1.2.3",
				Labels:   map[string]string{"zone": string(rune('a' + i%3)), "build": "2026-11"},
				Applied:  &wire.Applied{Version: rev.Version, ID: rev.ID, PublishedAt: rev.PublishedAt, At: now},
				Counters: map[string]int64{"applied": 20, "fetches": 30},
				Hits:     &wire.ReportHits{Window: time.Minute},
			}
			if i%10 == 0 {
				report.Applied = nil
				report.Rejected = &wire.Rejected{Version: rev.Version, ID: rev.ID, Error: "the value is not signed by a trusted key", At: now}
			}
			for j := range 10 {
				report.Hits.Directives = append(report.Hits.Directives, fleetdial.ReportedHits{
					DirectiveHits: fleetdial.DirectiveHits{ID: directives[j].ID, Hits: fleetdial.Hits{Applied: 100}}, Recent: 10,
				})
			}
			pipe.Set(r.Context(), "fleetdial:{default}:instance:"+report.Instance, wire.EncodeReport(&report), time.Hour)
			pipe.ZAdd(r.Context(), "fleetdial:{default}:fleet", redis.Z{Score: float64(now.UnixMilli()), Member: report.Instance})
		}
		return nil
	})
	require.NoError(r, err)
}

// TestPages_LargeFleet checks that pages stay small, and logs how long they take. The limits of
// time are far above that, because the machine may be busy.
func TestPages_LargeFleet(t *testing.T) {
	r := start(t, nil)
	r.fill()
	stream := r.listen(serve(r), "", "") // the console follows the fleet
	for e, _ := stream.next(t); e.kind != "change"; e, _ = stream.next(t) {
	}
	for _, page := range []string{
		"", "?page=50", "?q=proxy-49", "?label=zone%3Da&state=NEVER", "directives", "directives?page=100", "directives?q=00", "history",
		"rollout/20", "rollout/1", "compare?from=1&to=20", "explain?explain=yes&tenant=tenant-7", "instances/proxy-0001", "publish", "publish?with=body", "clear",
	} {
		_ = r.do("GET", "f/default/"+page, nil, gzipped)
		began := time.Now()
		a := r.do("GET", "f/default/"+page, nil, gzipped)
		took := time.Since(began)
		t.Logf("%8.1f ms %7d bytes (%7d) %s", float64(took.Microseconds())/1000, len(a.body), len(unzip(t, a.body)), page)
		assert.Equal(t, http.StatusOK, a.status, page)
		assert.Less(t, len(a.body), 60_000, page)
		assert.Less(t, took, 2*time.Second, page)
	}
	for page, form := range map[string][]string{"clear": nil, "rollback": {"version", "1"}, "publish": add("directive-00001")} {
		began := time.Now()
		a := r.do("POST", "f/default/"+page, values(form...), gzipped)
		t.Logf("%8.1f ms %7d bytes POST %s", float64(time.Since(began).Microseconds())/1000, len(a.body), page)
		assert.Equal(t, http.StatusOK, a.status, page)
		assert.Less(t, len(a.body), 60_000, page)
	}
	assert.Equal(t, 33, strings.Count(r.get("f/default/?q=proxy-49&label=zone%3Da").body, `<th scope="row">`))
	assert.Contains(t, r.get("f/default/?page=50").text(), "← previous 4901 to 5000 of 5000")
	assert.Contains(t, r.get("f/default/directives?q=DIRECTIVE-00").text(), "1 to 100 of 1000 next →")
}
