package fleetdial

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// curious is a slog.Handler that asks the subscriber for its status before each line.
type curious struct {
	slog.Handler
	sub *atomic.Pointer[Subscriber]
	log *logBuffer
}

func (c curious) Enabled(context.Context, slog.Level) bool {
	if sub := c.sub.Load(); sub != nil {
		sub.Status()
		sub.Load()
		sub.Decide(Request{})
	}
	return true
}

func (c curious) WithAttrs(attrs []slog.Attr) slog.Handler {
	c.Handler = c.Handler.WithAttrs(attrs)
	return c
}

func TestLogger_MayCallStatus(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	client := server.Client(t)
	c := curious{sub: new(atomic.Pointer[Subscriber]), log: new(logBuffer)}
	c.Handler = slog.NewTextHandler(c.log, nil)
	cfg := testConfig()
	cfg.Logger = slog.New(c)
	s := subscribe(t, client, cfg)
	c.sub.Store(s)
	publish(t, newTestPublisher(t, client, PublisherConfig{}), "a")
	eventually(t, s, "a")
	server.Do(t, "SET", testKey, "junk")
	require.Error(t, s.Refresh(t.Context()))
	testutil.Eventually(t, within, "the rejection is logged", func() bool { return c.log.lines("revision rejected") == 1 })
	require.NoError(t, s.Close())
}

// blocking is a slog.Handler that holds up its first line until it is released.
type blocking struct {
	slog.Handler
	blocks, released chan struct{}
}

func (b blocking) Handle(context.Context, slog.Record) error {
	select {
	case b.blocks <- struct{}{}:
		<-b.released
	case <-b.released:
	}
	return nil
}

func (b blocking) WithAttrs([]slog.Attr) slog.Handler { return b }

// TestLogger_BlockedOneHoldsUpNothing has a Logger that blocks for longer than the server may be
// silent. The subscriber applies what is published meanwhile, and keeps its session.
func TestLogger_BlockedOneHoldsUpNothing(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	b := blocking{slog.NewTextHandler(new(logBuffer), nil), make(chan struct{}), make(chan struct{})}
	cfg := testConfig()
	cfg.SubscriptionTimeout = 500 * time.Millisecond
	cfg.Logger = slog.New(b)
	s := subscribe(t, server.Client(t), cfg)
	<-b.blocks
	began := time.Now()
	for i := 0; time.Since(began) < 2*cfg.SubscriptionTimeout; i++ {
		id := fmt.Sprint("directive-", i)
		publish(t, p, id)
		eventually(t, s, id)
	}
	close(b.released)
	require.NoError(t, s.Refresh(t.Context()))
	assert.Zero(t, s.Status().Counters.Reconnects)
}

// wrapped is a client as a program may have one: a struct that embeds the interface, and is
// passed by value.
type wrapped struct{ redis.UniversalClient }

func TestSubscribe_ClientThatIsAStruct(t *testing.T) {
	t.Parallel()
	client := wrapped{testutil.StartRedis(t).Client(t)}
	s := subscribe(t, client, testConfig())
	publish(t, newTestPublisher(t, client, PublisherConfig{}), "a")
	eventually(t, s, "a")
	require.NoError(t, s.Refresh(t.Context()))
}

func TestSubscribe_NilClient(t *testing.T) {
	t.Parallel()
	for _, client := range []redis.UniversalClient{nil, (*redis.Client)(nil), (*redis.ClusterClient)(nil)} {
		_, err := Subscribe(t.Context(), client, testConfig())
		require.ErrorContains(t, err, "the client is nil")
	}
}

// slowReports is a hook that holds the first report until it is released. If the report's
// context has ended by then, Redis has executed the report, and its reply is lost.
type slowReports struct {
	began, release chan struct{}
	once           sync.Once
}

func (h *slowReports) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *slowReports) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *slowReports) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() != "set" {
			return next(ctx, cmds)
		}
		h.once.Do(func() {
			close(h.began)
			<-h.release
		})
		err := next(context.WithoutCancel(ctx), cmds)
		if lost := ctx.Err(); lost != nil {
			for _, cmd := range cmds {
				cmd.SetErr(lost)
			}
			return lost
		}
		return err
	}
}

func TestClose_DuringAReportLeavesNoRow(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	admin, client := server.Client(t), server.Client(t)
	h := &slowReports{began: make(chan struct{}), release: make(chan struct{})}
	client.AddHook(h)
	cfg := testConfig()
	cfg.Instance, cfg.ReportInterval = "web", 10*time.Millisecond
	s := subscribe(t, client, cfg)
	<-h.began
	closed := make(chan struct{})
	go func() {
		_ = s.Close()
		close(closed)
	}()
	<-s.ctx.Done() // Close is under way
	close(h.release)
	<-closed
	assert.Zero(t, admin.ZCard(t.Context(), testKey+":fleet").Val())
	assert.Zero(t, admin.Exists(t.Context(), testKey+":instance:web").Val())
}
