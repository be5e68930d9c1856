package fleetdial

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

func TestPublish_LostReplySettledByID(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	direct := server.Client(t)
	p := newTestPublisher(t, impatient(t, link.Addr()), PublisherConfig{})

	calls := 0
	var healed sync.WaitGroup
	rev, err := p.Update(t.Context(), func(Revision) (*Set, error) {
		calls++
		link.Swallow(testutil.ToClient) // EXEC arrives, and its reply is lost
		healed.Go(func() {
			testutil.Eventually(t, within, "the write arrives", func() bool {
				return direct.Exists(context.Background(), testKey).Val() == 1
			})
			link.Heal()
		})
		return setOf(t, "a"), nil
	}, PublishOptions{})
	healed.Wait()
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
	assert.EqualValues(t, 1, rev.Version)
	assert.Equal(t, []int64{1}, historyVersions(t, direct), "the revision is published once")
}

func TestPublish_LostReplyTruncatedHistory(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	direct := server.Client(t)
	p := newTestPublisher(t, impatient(t, link.Addr()), PublisherConfig{History: 3})
	rival := newTestPublisher(t, direct, PublisherConfig{History: 3})
	calls := 0
	var healed sync.WaitGroup
	_, err := p.Update(t.Context(), func(Revision) (*Set, error) {
		if calls++; calls > 1 {
			return setOf(t, "again"), nil
		}
		link.Swallow(testutil.ToClient)
		healed.Go(func() {
			testutil.Eventually(t, within, "the write arrives", func() bool {
				return direct.Exists(context.Background(), testKey).Val() == 1
			})
			for range 3 {
				publish(t, rival, "rival")
			}
			link.Heal()
		})
		return setOf(t, "a"), nil
	}, PublishOptions{})
	healed.Wait()
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	assert.Equal(t, []int64{4, 3, 2}, historyVersions(t, direct), "nothing is published over the later revisions")
}

// onError calls a function for each command that fails in the client: "multi" for a whole
// transaction.
type onError func(command string)

func (f onError) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f onError) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err != nil {
			f(cmd.Name())
		}
		return err
	}
}

func (f onError) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if err != nil {
			f(cmds[0].Name())
		}
		return err
	}
}

func TestPublish_LostRequestIsPublishedOnce(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	link := testutil.StartLink(t, server.Addr())
	direct := server.Client(t)
	client := impatient(t, link.Addr())
	failed := 0
	client.AddHook(onError(func(command string) {
		if command == "multi" {
			failed++
			link.Heal()
		}
	}))
	calls := 0
	rev, err := newTestPublisher(t, client, PublisherConfig{}).Update(t.Context(), func(Revision) (*Set, error) {
		if calls++; calls == 1 {
			link.Swallow(testutil.ToServer) // EXEC never arrives
		}
		return setOf(t, "a"), nil
	}, PublishOptions{})
	require.NoError(t, err)
	assert.Equal(t, 1, failed)
	assert.Equal(t, 2, calls)
	assert.EqualValues(t, 1, rev.Version)
	assert.Equal(t, []int64{1}, historyVersions(t, direct), "the revision is published once")
}

func TestPublish_LateExecIsPublishedOnce(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	direct := server.Client(t)
	client := impatient(t, server.Addr())
	var timedOut, queued bool
	client.AddHook(onError(func(command string) {
		timedOut = timedOut || command == "multi"
		if timedOut && !queued && command == "watch" {
			queued = true // another attempt waits behind EXEC
			server.Continue()
		}
	}))
	p := newTestPublisher(t, client, PublisherConfig{})
	calls := 0
	rev, err := p.Update(t.Context(), func(Revision) (*Set, error) {
		if calls++; calls == 1 {
			server.Stop() // EXEC waits in the socket of a stopped server
		}
		return setOf(t, "a"), nil
	}, PublishOptions{})
	require.NoError(t, err)
	assert.True(t, queued)
	assert.EqualValues(t, 1, rev.Version)
	assert.Equal(t, []int64{1}, historyVersions(t, direct), "the revision is published once")
	current, err := p.Current(t.Context())
	require.NoError(t, err)
	assert.Equal(t, rev.ID, current.ID)
}

func TestPublish_OutcomeUnknown(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, impatient(t, server.Addr()), PublisherConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := p.Update(ctx, func(Revision) (*Set, error) {
		server.Kill()
		return setOf(t, "a"), nil
	}, PublishOptions{})
	require.ErrorIs(t, err, ErrOutcomeUnknown)
}
