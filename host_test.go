package fleetdial

import (
	"context"
	"io"
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

// drowsy is a slog.Handler that takes long for each line.
type drowsy struct{ slog.Handler }

func (d drowsy) Handle(context.Context, slog.Record) error {
	time.Sleep(1500 * time.Millisecond)
	return nil
}

func (d drowsy) WithAttrs([]slog.Attr) slog.Handler { return d }

// TestLogger_SlowOneEndsNoSession has a Logger that takes longer than the server may be silent. The
// pongs that arrive meanwhile have to count before the timer that they prevent.
func TestLogger_SlowOneEndsNoSession(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	p := newTestPublisher(t, server.Client(t), PublisherConfig{})
	var subs []*Subscriber
	for range 8 {
		cfg := testConfig()
		cfg.SubscriptionTimeout = time.Second
		cfg.Logger = slog.New(drowsy{slog.NewTextHandler(io.Discard, nil)})
		subs = append(subs, subscribe(t, server.Client(t), cfg))
	}
	for _, id := range []string{"a", "b"} {
		publish(t, p, id)
		for _, s := range subs {
			eventually(t, s, id)
		}
	}
	time.Sleep(2 * time.Second) // in which each timer fires
	for _, s := range subs {
		assert.Zero(t, s.Status().Counters.Reconnects)
	}
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
