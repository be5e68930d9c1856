package console_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// overtaker is a hook of a client that calls publish once, just before the client writes a revision.
type overtaker struct {
	redis.Hook
	publish atomic.Pointer[func()]
}

func (o *overtaker) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (o *overtaker) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (o *overtaker) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() != "set" {
				continue
			}
			if publish := o.publish.Swap(nil); publish != nil {
				(*publish)()
			}
		}
		return next(ctx, cmds)
	}
}

// TestPublish_OtherRevisionDuringPublish has a revision come in after the console has compared the
// form with the current revision.
func TestPublish_OtherRevisionDuringPublish(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client, hook := server.Client(t), new(overtaker)
	client.AddHook(hook)
	r := startWith(t, server, client, nil)
	other := &rig{TB: t, redis: server, client: server.Client(t)}
	other.publish(directive("one", time.Hour))
	shown := r.post("publish", add("two")...)
	overtake := func() { other.publish(directive("three", time.Hour)) }
	hook.publish.Store(&overtake)
	a := r.apply("publish", shown)
	assert.Equal(t, http.StatusConflict, a.status)
	assert.Contains(t, a.text(), `Nothing was written, because version 2 was published in between by "Bob" ("of Bob"). Review the change again.`)
	assert.Contains(t, a.text(), "Difference from version 2")
	assert.EqualValues(t, 2, r.current().Version)
	r.published(r.apply("publish", a), "3")
	assert.Equal(t, []string{"three", "two"}, r.ids())
}

// TestPublish_NewQuestionIsShownFirst starts an instance that cannot read the new revision after
// the review. The form does not confirm a question that its page did not show.
func TestPublish_NewQuestionIsShownFirst(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	shown := r.post("publish", add("one", "max_per_second", "5")...)
	require.NotContains(t, shown.text(), "needs format 2")
	r.report("old", func(report *wire.Report) { report.MaxFormat = 1 })
	a := r.apply("publish", shown, "confirm", "yes")
	assert.Equal(t, http.StatusConflict, a.status)
	assert.Contains(t, a.text(), "the change is no longer the one that you saw")
	assert.Contains(t, a.text(), "needs format 2")
	assert.Zero(t, r.current().Version)
	r.published(r.apply("publish", a, "confirm", "yes"), "1")
}

func TestPublish_OldFormCountsFromNow(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for age, isKept := range map[time.Duration]bool{59 * time.Minute: true, time.Hour + time.Minute: false, -time.Minute: false} {
		now := time.Now()
		at := now.Add(-age).UnixMilli()
		shown := r.post("publish", add("one", "at", fmt.Sprint(at), "ttl", "2h")...)
		got, err := strconv.ParseInt(r.review(shown).Get("at"), 10, 64)
		require.NoError(t, err)
		if isKept {
			assert.Equal(t, at, got, "%v", age)
		} else {
			assert.WithinDuration(t, now, time.UnixMilli(got), 10*time.Second, "%v", age)
		}
	}
}

// TestEnd_CommandOfDash shows the command lines of changes that need a confirmation.
func TestEnd_CommandOfDash(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	limited := directive("limited", time.Hour)
	limited.MaxPerSecond = 5
	r.publish(directive("-x", time.Minute), directive("y", time.Minute), limited)
	r.report("old", func(report *wire.Report) { report.MaxFormat = 1 })
	assert.Contains(t, r.post("end", "id", "-x", "reason", "done").text(), "publish remove --reason done -- '-x'")
	assert.Regexp(t, `publish extend --ttl \S+ --reason more -- '-x'`, r.post("extend", "id", "-x", "reason", "more").text())
	assert.Contains(t, r.post("end", "id", "y", "reason", "done").text(), "publish remove y --reason done")
}
