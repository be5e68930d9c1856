package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// countedSet returns a set that counts, with a directive for each tenant. It replaces another
// set, or nil.
func countedSet(t *testing.T, before *directive.Set, tenants ...string) *directive.Set {
	t.Helper()
	var all []directive.Directive
	for _, tenant := range tenants {
		all = append(all, directive.Directive{
			ID: tenant, Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
			Match: directive.Match{Tenant: tenant},
		})
	}
	set, err := directive.NewSet(all)
	require.NoError(t, err)
	return directive.Metered(set, before)
}

// hit has a set decide n requests of a tenant.
func hit(set *directive.Set, tenant string, n int) {
	for range n {
		directive.EvaluateNow(set, &directive.Request{Tenant: tenant, ID: "r"}, time.Since)
	}
}

func TestHitsWindow_RightAfterAReport(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	w := hitsWindow{least: 5 * time.Second}
	set := countedSet(t, nil, "a")
	hit(set, "a", 3)
	h := w.report(set, at(0))
	assert.Zero(t, h.Window, "the first report has no rate")
	assert.Zero(t, h.Directives[0].Recent)
	for _, step := range []struct {
		at     float64
		hits   int
		window time.Duration
		recent int64
	}{
		{10, 100, 10 * time.Second, 100},
		{10.1, 1, 10100 * time.Millisecond, 101},
		{14.9, 50, 14900 * time.Millisecond, 151},
		{19, 50, 9 * time.Second, 101},
		{29, 0, 10 * time.Second, 0},
	} {
		hit(set, "a", step.hits)
		h := w.report(set, at(step.at))
		assert.Equal(t, step.window, h.Window, step.at)
		assert.Equal(t, step.recent, h.Directives[0].Recent, step.at)
	}
	assert.EqualValues(t, 204, w.report(set, at(30)).Total.Applied)
}

func TestHitsWindow_BeginsAtPublish(t *testing.T) {
	t.Parallel()
	began := time.Now()
	w := hitsWindow{least: 5 * time.Second}
	first := countedSet(t, nil, "a")
	w.report(first, began)
	hit(first, "a", 10)
	second := countedSet(t, first, "a", "b")
	h := w.report(second, began.Add(8*time.Second))
	assert.Equal(t, 8*time.Second, h.Window, "the counts of the earlier directives go on")
	require.Len(t, h.Directives, 1)
	assert.EqualValues(t, 10, h.Directives[0].Recent)

	hit(second, "b", 20)
	h = w.report(second, began.Add(10*time.Second))
	assert.Equal(t, 2*time.Second, h.Window, "b has not counted for longer")
	assert.EqualValues(t, 20, h.Directives[0].Recent)
	assert.Equal(t, "b", h.Directives[0].ID)
	assert.Zero(t, h.Directives[1].Recent)
	assert.EqualValues(t, 30, h.Total.Applied)
}

func TestHitsWindow_CountsBeginAgain(t *testing.T) {
	t.Parallel()
	began := time.Now()
	w := hitsWindow{least: time.Second}
	first := countedSet(t, nil, "a")
	hit(first, "a", 10)
	w.report(first, began)
	again := countedSet(t, nil, "a")
	hit(again, "a", 4)
	h := w.report(again, began.Add(2*time.Second))
	assert.EqualValues(t, 4, h.Directives[0].Recent, "no count is negative")
	hit(again, "a", 1)
	h = w.report(again, began.Add(3*time.Second))
	assert.EqualValues(t, 1, h.Directives[0].Recent)
	assert.Equal(t, time.Second, h.Window)
}

func TestHitsWindow_SetThatDoesNotCount(t *testing.T) {
	t.Parallel()
	w := hitsWindow{least: time.Second}
	h := w.report(&directive.Set{}, time.Now())
	assert.Empty(t, h.Directives)
	assert.Zero(t, h.Total)
}
