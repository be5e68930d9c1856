package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/console"
)

// add is the form of a directive of tenant acme.
func add(id string, more ...string) []string {
	return append([]string{"id", id, "level", "ShapeTiming", "tenant", "acme", "ttl", "10m", "sample", "1000"}, more...)
}

func TestPublish_ReviewWritesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	before := r.publish(directive("one", time.Hour), directive("gone", 50*time.Millisecond))
	require.Eventually(t, func() bool { return time.Now().After(before.Set.Directives()[1].ExpiresAt.Add(20 * time.Millisecond)) },
		time.Second, time.Millisecond)
	for page, form := range map[string][]string{
		"publish":  add("two"),
		"clear":    {"reason", "r"},
		"rollback": {"version", "1"},
	} {
		a := r.post(page, form...)
		assert.Equal(t, http.StatusOK, a.status, "%s: %s", page, a.text())
		assert.Contains(t, a.text(), "Difference from version 1", page)
	}
	assert.Equal(t, before.ID, r.current().ID)
	history, err := r.publisher("").History(t.Context())
	require.NoError(t, err)
	assert.Len(t, history, 1)
}

func TestPublish_WritesWhatWasShown(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	kept := directive("one", time.Hour)
	r.publish(kept)
	shown := r.post("publish", "id", "two", "level", "ShapeRewriteDiff", "tenant", " a <b>", "index", "i", "principal", "p", "endpoint", "Search",
		"ttl", "90s", "sample", "10%", "ring_buffer", "yes", "capture", "yes", "on_instance", "p1\r\np2\r\n", "on", "zone=a\nx=y=z", "on_per_mille", "500",
		"max_per_second", "7", "reason", " because of <i>")
	require.Equal(t, http.StatusOK, shown.status, shown.text())
	assert.Contains(t, shown.text(), "publish add --id two --level ShapeRewriteDiff --tenant ' a <b>' --index i --principal p --endpoint Search "+
		"--sample 10% --ring-buffer --capture --on-instance p1 --on-instance p2 --on 'zone=a' --on 'x=y=z' --on-per-mille 500 "+
		"--max-per-second 7 --ttl 90s --reason 'because of <i>'")
	form := r.review(shown)
	at, err := strconv.ParseInt(form.Get("at"), 10, 64)
	require.NoError(t, err)
	time.Sleep(20 * time.Millisecond) // the TTL counts from the review
	a := r.do("POST", "f/default/publish", form)
	r.published(a, "2")
	rev := r.current()
	assert.Equal(t, "Ann", rev.PublishedBy)
	assert.Equal(t, "because of <i>", rev.Reason)
	half := 500
	want := fleetdial.Directive{
		ID: "two", Level: fleetdial.ShapeRewriteDiff,
		Match:          fleetdial.Match{Tenant: " a <b>", Index: "i", Principal: "p", Endpoint: fleetdial.Search},
		SamplePerMille: 100, RingBuffer: true, Capture: true, MaxPerSecond: 7, ExpiresAt: time.UnixMilli(at).Add(90 * time.Second),
		Instances: &fleetdial.Instances{Names: []string{"p1", "p2"}, Labels: map[string]string{"zone": "a", "x": "y=z"}, PerMille: &half},
	}
	got := rev.Set.Directives()
	require.Len(t, got, 2)
	assert.Equal(t, "one", got[0].ID)
	assert.True(t, want.ExpiresAt.Equal(got[1].ExpiresAt))
	got[1].ExpiresAt = want.ExpiresAt
	assert.Equal(t, want, got[1])

	rollout := r.get("f/default/rollout/2")
	require.Equal(t, http.StatusOK, rollout.status, rollout.text())
	assert.Contains(t, rollout.text(), "by Ann: because of <i> , with 2 directives")
	assert.Contains(t, r.log.String(), `msg="revision published" fleet=default version=2 id=`+rev.ID+` by=Ann`)
	assert.NotContains(t, r.log.String(), "because")
}

func TestPublish_RolloutFollowsAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for i := range 5 {
		require.Equal(t, http.StatusOK, r.get("f/default/").status) // the state of now is known
		shown := r.post("publish", add(fmt.Sprint("d", i))...)
		a := r.apply("publish", shown)
		r.published(a, fmt.Sprint(i+1))
		rollout := r.get(strings.TrimPrefix(a.header.Get("Location"), r.base))
		assert.Equal(t, http.StatusOK, rollout.status, rollout.text())
		assert.Contains(t, r.get("f/default/").text(), "Version "+fmt.Sprint(i+1)+" ")
	}
}

func TestPublish_OtherRevisionInBetween(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	shown := r.post("publish", add("two")...)
	other := r.publish(directive("three", time.Hour))
	again := r.apply("publish", shown)
	assert.Equal(t, http.StatusConflict, again.status)
	assert.Contains(t, again.text(), "Nothing was written, because version 2 was published by Bob since you saw the difference.")
	assert.Contains(t, again.text(), "Difference from version 2")
	assert.Equal(t, other.ID, r.current().ID)
	r.published(r.apply("publish", again), "3")
	assert.Len(t, r.current().Set.Directives(), 2)

	shown = r.post("publish", add("four")...)
	require.NoError(t, r.client.Del(t.Context(), "fleetdial:{default}").Err())
	again = r.apply("publish", shown)
	assert.Equal(t, http.StatusConflict, again.status)
	assert.Contains(t, again.text(), "the current revision was removed")
}

func TestPublish_ConfirmsOnlyWhatWasShown(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	rev := r.publish(directive("one", time.Hour))
	for name, change := range map[string]func(url.Values){
		"older form":      func(f url.Values) { f.Set("at", fmt.Sprint(time.Now().Add(-2*time.Hour).UnixMilli())) },
		"later time":      func(f url.Values) { f.Set("at", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())) },
		"no time":         func(f url.Values) { f.Del("at") },
		"other directive": func(f url.Values) { f.Set("tenant", "other") },
		"not shown":       func(f url.Values) { f.Del("seen") },
		"no expectation":  func(f url.Values) { f.Del("expect") },
		"no directive":    func(f url.Values) { f.Set("expect", "none") },
	} {
		form := r.review(r.post("publish", add("two")...))
		change(form)
		time.Sleep(5 * time.Millisecond) // another time is another expiry
		a := r.do("POST", "f/default/publish", form)
		assert.Equal(t, http.StatusConflict, a.status, name)
		assert.Contains(t, a.text(), "Review the change again.", name)
		assert.Equal(t, rev.ID, r.current().ID, name)
	}
	// The id is random if the form has none, and stays the same after the review.
	shown := r.post("publish", add("")...)
	id := r.review(shown).Get("id")
	assert.Regexp(t, `^d-[0-9a-f]{8}$`, id)
	r.published(r.apply("publish", shown), "2")
	assert.Equal(t, id, r.current().Set.Directives()[1].ID)
}

func TestPublish_ConfirmedTwice(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	form := r.review(r.post("publish", add("one")...))
	var all sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		all.Go(func() { statuses[i] = r.do("POST", "f/default/publish", form).status })
	}
	all.Wait()
	count := make(map[int]int)
	for _, status := range statuses {
		count[status]++
	}
	assert.Equal(t, map[int]int{http.StatusSeeOther: 1, http.StatusConflict: len(statuses) - 1}, count)
	assert.Equal(t, int64(1), r.current().Version)
}

func TestPublish_BroadDirectiveNeedsNameOfFleet(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for name, form := range map[string][]string{
		"every request": {"id", "all", "level", "ShapeTiming", "ttl", "10m"},
		"capture":       {"id", "all", "level", "ShapeTiming", "ttl", "10m", "capture", "yes", "endpoint", "Search"},
	} {
		before := r.current().Version
		shown := r.post("publish", form...)
		require.Equal(t, http.StatusOK, shown.status)
		assert.Contains(t, shown.text(), "Type the name of the fleet, default , to confirm", name)
		for _, confirm := range []string{"", "yes", "Default", "defaul", "default ", "edge"} {
			a := r.apply("publish", shown, "confirm", confirm)
			assert.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %q", name, confirm)
			assert.Contains(t, a.text(), "Nothing was written: to confirm, type the name of the fleet, default.")
			assert.Equal(t, before, r.current().Version)
		}
		// Without the review, the name confirms nothing.
		assert.NotEqual(t, http.StatusSeeOther, r.post("publish", append(form, "step", "apply", "confirm", "default")...).status)
		r.published(r.apply("publish", shown, "confirm", "default"), fmt.Sprint(before+1))
		r.published(r.apply("clear", r.post("clear")), fmt.Sprint(before+2))
	}
}

func TestPublish_UnsignedOverSigned(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	key := signKey(1)
	signer, err := fleetdial.NewPublisher(r.client, fleetdial.PublisherConfig{SignKey: key})
	require.NoError(t, err)
	set, err := fleetdial.NewSet([]fleetdial.Directive{directive("one", time.Hour)})
	require.NoError(t, err)
	_, err = signer.Publish(t.Context(), set, fleetdial.PublishOptions{})
	require.NoError(t, err)

	for page, form := range map[string][]string{"publish": add("two"), "end": {"id", "one"}, "extend": {"id", "one"}, "clear": nil} {
		shown := r.post(page, form...)
		require.Equal(t, http.StatusOK, shown.status, page)
		assert.Contains(t, shown.text(), "signed", page)
		assert.Contains(t, shown.body, `type="checkbox" name="confirm" value="yes" required`, page)
		a := r.apply(page, shown)
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, page)
		assert.Contains(t, a.text(), "Nothing was written: tick the box to confirm.", page)
		assert.Equal(t, int64(1), r.current().Version, page)
	}
	r.published(r.apply("publish", r.post("publish", add("two")...), "confirm", "yes"), "2")
}

func TestPublish_VerifyKeys(t *testing.T) {
	t.Parallel()
	key := signKey(2)
	r := start(t, func(cfg *console.Config) { cfg.SignKey = key })
	rev := r.publish(directive("one", time.Hour)) // unsigned
	for page, form := range map[string][]string{"publish": add("two"), "end": {"id", "one"}, "extend": {"id", "one"}, "rollback": {"version", "1"}} {
		a := r.post(page, form...)
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", page, a.text())
		assert.Contains(t, a.text(), "not signed by a trusted key", page)
		assert.Contains(t, strings.ToLower(a.text()), "nothing was written", page)
	}
	assert.Equal(t, rev.ID, r.current().ID)
	r.published(r.apply("clear", r.post("clear")), "2")
	assert.NotEmpty(t, r.current().SignedBy)
	r.published(r.apply("publish", r.post("publish", add("two")...)), "3")
	assert.Contains(t, r.get("f/default/history").text(), "signed by")
}

func TestPublish_Reasons(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.publish(directive("one", time.Hour))
	for _, page := range []string{"publish", "clear", "rollback"} {
		for _, reason := range []string{strings.Repeat("x", 1025), strings.Repeat("東", 400), "\xff"} {
			a := r.post(page, add("two", "version", "1", "reason", reason)...)
			assert.Equal(t, http.StatusUnprocessableEntity, a.status, page)
			assert.Contains(t, a.text(), "Nothing was written: the reason ", page)
			// The reason can be mended without typing all again.
			r.review(a)
		}
		before := r.current().Version
		shown := r.post(page, add("two", "version", "1")...)
		a := r.apply(page, shown, "reason", strings.Repeat("x", 1025))
		assert.Equal(t, http.StatusUnprocessableEntity, a.status, page)
		assert.Equal(t, before, r.current().Version, page)
		a = r.apply(page, a, "reason", strings.Repeat("東", 341))
		r.published(a, fmt.Sprint(before+1))
		assert.Equal(t, strings.Repeat("東", 341), r.current().Reason)
		assert.Contains(t, r.get("f/default/history").text(), strings.Repeat("東", 341))
	}
	a := r.post("end", "id", "two", "reason", strings.Repeat("x", 1025))
	assert.Equal(t, http.StatusUnprocessableEntity, a.status)
}

func TestPublish_LostReply(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	shown := r.post("publish", add("one")...)
	form := r.review(shown)
	r.redis.Stop()
	t.Cleanup(r.redis.Continue)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	a := r.do("POST", "f/default/publish", form, func(req *http.Request) { *req = *req.WithContext(ctx) })
	assert.Equal(t, http.StatusServiceUnavailable, a.status, a.text())
}
