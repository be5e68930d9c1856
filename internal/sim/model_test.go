package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/follow"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/testutil"
)

// subject is a Redis on which a script runs. Each method returns what a client sees.
type subject interface {
	set(text string)
	list()
	del()
	read(mode follow.Mode) string
	// clock returns by how much the clock advances during a second, in seconds.
	clock() string
	subscribe() string
	publish(text string)
	// setAndPublish is one transaction.
	setAndPublish(text string)
	// replies returns the next replies on the subscription.
	replies(n int) string
	killSubscribers()
	restart(withData bool)
	// failover has a replica take over that missed the last write, of the text.
	failover(lost string)
	// exec runs a transaction after a WATCH, between which something may happen.
	exec(text string, between func()) string
}

// scripts are what the model has to do as Redis does it.
var scripts = []struct {
	name string
	run  func(s subject, saw func(string))
}{
	{"a missing key, an empty value and another type", func(s subject, saw func(string)) {
		saw(s.read(follow.FetchHeader))
		s.set("")
		saw(s.read(follow.FetchHeader))
		saw(s.read(follow.FetchValue))
		s.del()
		saw(s.read(follow.FetchValue))
		s.list()
		saw(s.read(follow.FetchHeader))
		saw(s.read(follow.FetchValue))
		s.set("string again")
		saw(s.read(follow.FetchValue))
	}},
	{"the limits of a header and of a value", func(s subject, saw func(string)) {
		for _, n := range []int{1, headerBytes - 1, headerBytes, headerBytes + 1, maxBytes, maxBytes + 1, maxBytes + 2, 3 * maxBytes} {
			s.set(strings.Repeat("x", n))
			saw(s.read(follow.FetchHeader))
			saw(s.read(follow.FetchValue))
		}
	}},
	{"the clock", func(s subject, saw func(string)) { saw(s.clock()) }},
	{"messages in their order", func(s subject, saw func(string)) {
		s.publish("nobody hears it")
		saw(s.subscribe())
		for _, text := range []string{"a", "b", "c", "a"} {
			s.publish(text)
		}
		s.setAndPublish("d")
		saw(s.replies(5))
		saw(s.read(follow.FetchValue))
	}},
	{"a killed subscriber", func(s subject, saw func(string)) {
		saw(s.subscribe())
		s.publish("a")
		saw(s.replies(1))
		s.killSubscribers()
		s.publish("lost")
		saw(s.replies(1))
		saw(s.subscribe())
		s.publish("b")
		saw(s.replies(1))
	}},
	{"a restart with data", func(s subject, saw func(string)) {
		s.set("kept")
		saw(s.subscribe())
		s.restart(true)
		saw(s.replies(1))
		saw(s.read(follow.FetchValue))
	}},
	{"a restart without data", func(s subject, saw func(string)) {
		s.set("lost")
		saw(s.subscribe())
		s.restart(false)
		saw(s.replies(1))
		saw(s.read(follow.FetchValue))
	}},
	{"a failover that loses a write", func(s subject, saw func(string)) {
		s.set("old")
		s.failover("lost")
		saw(s.read(follow.FetchValue))
	}},
	{"a transaction after WATCH", func(s subject, saw func(string)) {
		s.set("first")
		saw(s.exec("second", func() {}))
		saw(s.read(follow.FetchValue))
		saw(s.exec("third", func() { s.set("another") }))
		saw(s.read(follow.FetchValue))
		saw(s.exec("fourth", func() { s.set("another") })) // the same again is a change too
		saw(s.exec("fifth", s.del))
		saw(s.exec("sixth", s.del)) // nothing is deleted
		saw(s.read(follow.FetchValue))
	}},
}

// TestModel holds the model to a real redis-server: each script sees the same on both.
func TestModel(t *testing.T) {
	for _, script := range scripts {
		t.Run(script.name, func(t *testing.T) {
			t.Parallel()
			var model, real []string
			script.run(newModel(), func(s string) { model = append(model, s) })
			script.run(newReal(t), func(s string) { real = append(real, s) })
			require.NotEmpty(t, real)
			require.Equal(t, real, model)
		})
	}
}

// show returns what a reading tells.
func show(r *store.Reading) string {
	return fmt.Sprintf("missing %v, wrong type %v, %d bytes of %d: %.20s", r.Missing, r.WrongType, len(r.Value), r.Length, r.Value)
}

// model is the model as a subject.
type model struct {
	w    *world
	m    *machine
	seen []string
}

func newModel() *model {
	w := newWorld(1, newStats(), nil)
	w.cfg.faults, w.cfg.lag, w.machines = nil, 0, nil
	md := &model{w: w, m: newMachine(w, 0)}
	md.m.f = follow.New(follow.Config{ResyncInterval: time.Second, SubscriptionTimeout: time.Second, Rand: w.rng}, md.m.local())
	md.m.tap = func(event follow.Event) {
		switch e := event.(type) {
		case follow.Subscribed:
			md.seen = append(md.seen, "subscribed")
		case follow.Message:
			md.seen = append(md.seen, e.Payload)
		case follow.SessionLost:
			md.seen = append(md.seen, "lost")
		}
	}
	return md
}

func (md *model) value(text string) *value {
	if text == "" {
		return md.w.values.empty
	}
	return md.w.values.of("text", []byte(text), 0, "")
}

func (md *model) pass()                     { md.w.runUntil(md.w.now + 100*time.Millisecond) }
func (md *model) set(text string)           { md.w.server.set(md.value(text), 0) }
func (md *model) list()                     { md.w.server.set(md.w.values.wrongType, 0) }
func (md *model) del()                      { md.w.server.set(md.w.values.missing, 0) }
func (md *model) publish(text string)       { md.w.server.publish(nil, 0, text) }
func (md *model) setAndPublish(text string) { md.w.server.publish(md.value(text), 0, text) }

func (md *model) read(mode follow.Mode) string {
	r, _ := md.w.server.read(&follow.Fetch{Mode: mode, Clock: true})
	return show(&r)
}

func (md *model) clock() string {
	before := md.w.server.clock()
	md.w.runUntil(md.w.now + time.Second)
	return fmt.Sprintf("%.0f", md.w.server.clock().Sub(before).Seconds())
}

func (md *model) subscribe() string {
	md.m.open(1)
	return md.replies(1)
}

func (md *model) replies(n int) string {
	md.pass()
	n = min(n, len(md.seen))
	seen := strings.Join(md.seen[:n], " ")
	md.seen = md.seen[n:]
	return seen
}

func (md *model) killSubscribers() {
	md.m.kill()
	md.pass()
}

func (md *model) restart(withData bool) {
	saved := keyState{value: md.w.values.missing}
	if withData {
		saved = md.w.server.state
	}
	md.w.server.crash(saved)
	md.w.runUntil(md.w.server.downUntil)
}

func (md *model) failover(lost string) {
	old := md.w.server.state
	md.set(lost)
	md.w.server.set(old.value, 0)
}

func (md *model) exec(text string, between func()) string {
	s := &md.w.server
	writes := s.writes
	between()
	if !s.exec(writes, md.value(text), 0, text) {
		return "aborted"
	}
	return "done"
}

// real is a redis-server as a subject.
type real struct {
	t      *testing.T
	redis  *testutil.Redis
	client *redis.Client
	sub    *redis.PubSub
}

const realKey = "key"

func newReal(t *testing.T) *real {
	r := testutil.StartRedis(t, "--save", "")
	return &real{t: t, redis: r, client: r.Client(t)}
}

func (rl *real) set(text string) {
	require.NoError(rl.t, rl.client.Set(rl.t.Context(), realKey, text, 0).Err())
}
func (rl *real) del() { require.NoError(rl.t, rl.client.Del(rl.t.Context(), realKey).Err()) }
func (rl *real) publish(text string) {
	require.NoError(rl.t, rl.client.Publish(rl.t.Context(), realKey, text).Err())
}

func (rl *real) list() {
	rl.del()
	require.NoError(rl.t, rl.client.RPush(rl.t.Context(), realKey, "x").Err())
}

func (rl *real) read(mode follow.Mode) string {
	limit := int64(maxBytes)
	if mode == follow.FetchHeader {
		limit = headerBytes - 1
	}
	ctx := rl.t.Context()
	var value *redis.StringCmd
	var length, exists *redis.IntCmd
	_, _ = rl.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		value, length, exists = p.GetRange(ctx, realKey, 0, limit), p.StrLen(ctx, realKey), p.Exists(ctx, realKey)
		return nil
	})
	require.NoError(rl.t, exists.Err())
	r := store.Reading{Value: []byte(value.Val()), Length: length.Val(), Missing: exists.Val() == 0}
	r.WrongType = redis.HasErrorPrefix(value.Err(), "WRONGTYPE")
	if !r.WrongType {
		require.NoError(rl.t, value.Err())
	}
	return show(&r)
}

func (rl *real) clock() string {
	before, err := rl.client.Time(rl.t.Context()).Result()
	require.NoError(rl.t, err)
	began := time.Now()
	var advance, passed time.Duration
	testutil.Eventually(rl.t, 10*time.Second, "the clock advances", func() bool {
		now, err := rl.client.Time(rl.t.Context()).Result()
		advance, passed = now.Sub(before), time.Since(began)
		return err == nil && advance >= 500*time.Millisecond
	})
	// A busy machine takes longer, but the clock runs as fast as the local one.
	return fmt.Sprintf("%.0f", advance.Seconds()/passed.Seconds())
}

func (rl *real) subscribe() string {
	rl.sub = rl.client.Subscribe(rl.t.Context(), realKey)
	rl.t.Cleanup(func() { _ = rl.sub.Close() })
	return rl.replies(1)
}

func (rl *real) setAndPublish(text string) {
	ctx := rl.t.Context()
	_, err := rl.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, realKey, text, 0)
		p.Publish(ctx, realKey, text)
		return nil
	})
	require.NoError(rl.t, err)
}

func (rl *real) replies(n int) string {
	var seen []string
	ctx, cancel := context.WithTimeout(rl.t.Context(), 10*time.Second)
	defer cancel()
	for range n {
		reply, err := rl.sub.Receive(ctx)
		switch reply := reply.(type) {
		case *redis.Subscription:
			seen = append(seen, "subscribed")
		case *redis.Message:
			seen = append(seen, reply.Payload)
		default:
			require.Error(rl.t, err)
			require.NoError(rl.t, ctx.Err(), "no reply came")
			seen = append(seen, "lost")
			_ = rl.sub.Close()
		}
	}
	return strings.Join(seen, " ")
}

func (rl *real) killSubscribers() {
	require.NoError(rl.t, rl.client.ClientKillByFilter(rl.t.Context(), "TYPE", "pubsub").Err())
}

func (rl *real) restart(withData bool) {
	if withData {
		require.NoError(rl.t, rl.client.Save(rl.t.Context()).Err())
	}
	rl.redis.Kill()
	if withData {
		rl.redis.Restart()
	} else {
		rl.redis.RestartEmpty()
	}
	testutil.Eventually(rl.t, 10*time.Second, "the server answers", func() bool {
		return rl.client.Ping(rl.t.Context()).Err() == nil
	})
}

func (rl *real) failover(lost string) {
	replica := testutil.StartRedis(rl.t)
	client := replica.Client(rl.t)
	ctx := rl.t.Context()
	host, port, _ := strings.Cut(rl.redis.Addr(), ":")
	require.NoError(rl.t, client.ReplicaOf(ctx, host, port).Err())
	want := rl.read(follow.FetchValue)
	testutil.Eventually(rl.t, 20*time.Second, "the replica has the value", func() bool {
		other := &real{t: rl.t, redis: replica, client: client}
		return client.Ping(ctx).Err() == nil && client.Exists(ctx, realKey).Val() == 1 && other.read(follow.FetchValue) == want
	})
	require.NoError(rl.t, client.ReplicaOf(ctx, "NO", "ONE").Err())
	rl.set(lost)
	rl.redis, rl.client = replica, client
}

func (rl *real) exec(text string, between func()) string {
	ctx := rl.t.Context()
	err := rl.client.Watch(ctx, func(tx *redis.Tx) error {
		between()
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, realKey, text, 0)
			p.Publish(ctx, realKey, text)
			return nil
		})
		return err
	}, realKey)
	if errors.Is(err, redis.TxFailedErr) {
		return "aborted"
	}
	require.NoError(rl.t, err)
	return "done"
}
