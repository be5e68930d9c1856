package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// intercept is a hook that is called before each command, and before each pipeline or
// transaction. An error of before fails the commands without sending them, and an error of after
// replaces their replies.
type intercept struct {
	before, after func(commands []redis.Cmder) error
}

func (h intercept) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h intercept) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.call([]redis.Cmder{cmd}, func() error { return next(ctx, cmd) })
	}
}

func (h intercept) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.call(cmds, func() error { return next(ctx, cmds) })
	}
}

func (h intercept) call(cmds []redis.Cmder, next func() error) error {
	if h.before != nil {
		if err := h.before(cmds); err != nil {
			return err
		}
	}
	if err := next(); err != nil || h.after == nil {
		return err
	}
	return h.after(cmds)
}

// reply is an error with which Redis replies.
type reply string

func (r reply) Error() string { return string(r) }
func (r reply) RedisError()   {}

// loses returns a hook that loses the request of each transaction for which lost returns true,
// by its number from 1.
func loses(lost func(n int) bool) intercept {
	n := 0
	return intercept{before: func(cmds []redis.Cmder) error {
		if cmds[0].Name() != "multi" {
			return nil
		}
		if n++; lost(n) {
			return io.ErrUnexpectedEOF
		}
		return nil
	}}
}

var openErrors = []error{
	reply("BUSY Redis is busy running a script."), reply("LOADING Redis is loading the dataset in memory"),
	reply("MASTERDOWN Link with MASTER is down"), reply("CLUSTERDOWN The cluster is down"), reply("TRYAGAIN Multiple keys"),
	reply("READONLY You can't write against a read only replica."), reply("OOM command not allowed"),
	reply("MISCONF Redis is configured to save"), reply("NOREPLICAS Not enough good replicas to write."),
	reply("NOPERM this user has no permissions"), reply("NOAUTH Authentication required."), reply("DENIED by a proxy"),
	reply("LATER a code word of a later version"), reply("ERR unknown command"), reply("WRONGTYPE Operation against a key"),
	reply("EXECABORT Transaction discarded because of previous errors."), io.EOF,
}

func TestPublish_OpenOutcomeGoesOnAfterEveryError(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	for i, fault := range openErrors {
		t.Run(fault.Error(), func(t *testing.T) {
			t.Parallel()
			fleet := fmt.Sprint("f", i)
			client := impatient(t, server.Addr())
			client.AddHook(loses(func(n int) bool { return n == 1 }))
			attempts := 0
			client.AddHook(intercept{before: func(cmds []redis.Cmder) error {
				if cmds[0].Name() != "watch" {
					return nil
				}
				if attempts++; attempts == 1 || attempts > 4 {
					return nil
				}
				return fault
			}})
			p := newTestPublisher(t, client, PublisherConfig{Fleet: fleet})
			rev, err := p.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
			require.NoError(t, err)
			assert.Equal(t, 5, attempts)
			assert.EqualValues(t, 1, rev.Version)
			assert.EqualValues(t, 1, client.LLen(t.Context(), "fleetdial:{"+fleet+"}:history").Val())
		})
	}
}

func TestPublish_OpenOutcomeUntilContextEnds(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	for i, fault := range openErrors {
		t.Run(fault.Error(), func(t *testing.T) {
			t.Parallel()
			client := impatient(t, server.Addr())
			client.AddHook(loses(func(int) bool { return true }))
			attempts := 0
			client.AddHook(intercept{before: func(cmds []redis.Cmder) error {
				if cmds[0].Name() != "watch" {
					return nil
				}
				if attempts++; attempts == 1 {
					return nil
				}
				return fault
			}})
			p := newTestPublisher(t, client, PublisherConfig{Fleet: fmt.Sprint("f", i)})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := p.Publish(ctx, setOf(t, "a"), PublishOptions{})
			require.Error(t, ctx.Err(), "the publish goes on until its context ends")
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			require.ErrorContains(t, err, fault.Error())
		})
	}
}

// TestUpdate_OpenOutcomeGoesOnAfterAnErrorOfChange has the second attempt fail in change.
func TestUpdate_OpenOutcomeGoesOnAfterAnErrorOfChange(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := impatient(t, server.Addr())
	client.AddHook(loses(func(n int) bool { return n == 1 }))
	calls := 0
	_, err := newTestPublisher(t, client, PublisherConfig{}).Update(t.Context(), func(Revision) (*Set, error) {
		if calls++; calls == 2 {
			return nil, errors.New("not now")
		}
		return setOf(t, "a"), nil
	}, PublishOptions{})
	require.NoError(t, err)
	assert.Equal(t, 3, calls)
}

// TestPublish_ConflictSettlesOpenOutcome has another revision replace the expected one while the
// outcome is open. The open attempt can no longer be executed.
func TestPublish_ConflictSettlesOpenOutcome(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	rival := newTestPublisher(t, server.Client(t), PublisherConfig{PublishedBy: "rival"})
	client := impatient(t, server.Addr())
	client.AddHook(intercept{before: func(cmds []redis.Cmder) error {
		if cmds[0].Name() != "multi" {
			return nil
		}
		publish(t, rival, "rival")
		return io.ErrUnexpectedEOF
	}})
	p := newTestPublisher(t, client, PublisherConfig{})
	publish(t, rival, "a")
	current, err := rival.Current(t.Context())
	require.NoError(t, err)
	for name, opts := range map[string]PublishOptions{"version": {IfVersion: 1}, "current": {IfCurrent: &current}} {
		client.Del(t.Context(), testKey, testHistory)
		client.Set(t.Context(), testKey, value(t, 1, setOf(t, "a")), 0)
		if opts.IfCurrent != nil {
			found, err := rival.Current(t.Context())
			require.NoError(t, err)
			opts.IfCurrent = &found
		}
		_, err := p.Publish(t.Context(), setOf(t, "b"), opts)
		conflict := new(ConflictError)
		require.ErrorAs(t, err, &conflict, name)
		require.NotErrorIs(t, err, ErrOutcomeUnknown, name)
		assert.EqualValues(t, 2, conflict.Version, name)
		assert.Equal(t, "rival", conflict.PublishedBy, name)
	}
}

// TestPublish_LostReplyFoundInHistory has another publisher write over the revision whose reply
// was lost.
func TestPublish_LostReplyFoundInHistory(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	direct := server.Client(t)
	rival := newTestPublisher(t, direct, PublisherConfig{})
	client := impatient(t, server.Addr())
	lost := false
	client.AddHook(intercept{after: func(cmds []redis.Cmder) error {
		if cmds[0].Name() != "multi" || lost {
			return nil
		}
		lost = true
		publish(t, rival, "rival")
		return io.ErrUnexpectedEOF
	}})
	rev, err := newTestPublisher(t, client, PublisherConfig{}).Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rev.Version)
	assert.Equal(t, []int64{2, 1}, historyVersions(t, direct), "the revision is published once")
}

// memoryValues holds the values of the key and the history, newest first.
type memoryValues struct {
	key     []byte
	history [][]byte
}

func (m memoryValues) Value(context.Context, int) ([]byte, error) { return m.key, nil }

func (m memoryValues) HistoryValue(_ context.Context, i int) ([]byte, bool, error) {
	if i >= len(m.history) {
		return nil, false, nil
	}
	return m.history[i], true, nil
}

// valuesOf returns a history of these versions, newest first, of which the key holds the first.
// The ids are the versions. The revisions after began are published after it.
func valuesOf(t *testing.T, began time.Time, after int, versions ...int64) (m memoryValues) {
	for i, version := range versions {
		at := began.Add(time.Second)
		if i >= after {
			at = began.Add(-time.Second)
		}
		v, err := wire.Encode(wire.Revision{Version: version, ID: idOf(version), PublishedAt: at, Set: setOf(t)})
		require.NoError(t, err)
		m.history = append(m.history, v)
	}
	if len(m.history) > 0 {
		m.key = m.history[0]
	}
	return m
}

func idOf(version int64) string { return fmt.Sprintf("%032x", version) }

func TestFind_TruncatedHistory(t *testing.T) {
	t.Parallel()
	began := time.Now()
	const highest = maxVersion
	for name, c := range map[string]struct {
		base       int64   // the revision that was current at the first attempt, 0 for none
		hadHistory bool    // whether the history held revisions then
		attempted  []int64 // the versions of the open attempts
		after      int     // how many of the revisions were published since
		versions   []int64 // what the history holds now
		unknown    bool
	}{
		"nothing since":                {5, true, []int64{6}, 0, []int64{5, 4, 3}, false},
		"others since, base there":     {5, true, []int64{6}, 2, []int64{7, 6, 5}, false},
		"others since, base gone":      {5, true, []int64{6}, 3, []int64{9, 8, 7}, true},
		"older attempt counts":         {0, false, []int64{6, 3}, 3, []int64{6, 5, 4}, true},
		"older attempt counts first":   {0, false, []int64{1, 3}, 3, []int64{5, 4, 3}, true},
		"higher version before base":   {5, true, []int64{6}, 1, []int64{6, 5, 900}, false},
		"no history before":            {0, false, []int64{1}, 1, []int64{1}, false},
		"data lost":                    {5, true, []int64{6}, 0, nil, false},
		"failover lost the base":       {5, true, []int64{6}, 1, []int64{4, 3, 2}, false},
		"versions began again":         {highest, true, []int64{1}, 2, []int64{2, 1, highest, highest - 1}, false},
		"began again after attempt":    {highest - 1, true, []int64{highest}, 3, []int64{3, 2, 1, highest, highest - 1}, false},
		"began again, truncated":       {highest - 1, true, []int64{highest}, 3, []int64{3, 2, 1}, true},
		"began again, base not pushed": {highest, true, []int64{1}, 1, []int64{1, 6, 5}, false},
	} {
		tx := transaction{publisher: new(Publisher), id: wire.NewID()}
		found := &redisstore.Found{Now: began}
		if c.hadHistory {
			found.Revisions = 3
		}
		var base Revision
		if c.base > 0 {
			base.ID = idOf(c.base)
		}
		for _, version := range c.attempted {
			tx.attempts.add(version, &base, found)
			tx.attempts.isOpen = true
		}
		rev, err := tx.find(t.Context(), valuesOf(t, began, c.after, c.versions...))
		assert.Equal(t, c.unknown, errors.Is(err, ErrOutcomeUnknown), name)
		assert.Empty(t, rev.ID, name)
	}
}
