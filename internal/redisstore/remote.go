package redisstore

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// remote reads a fleet's keys. It is safe for concurrent use.
type remote struct {
	client redis.UniversalClient
	keys   keys
	// lost says that the node of a Cluster that was asked last could not be reached.
	lost atomic.Bool
}

var errRing = errors.New("a Ring spreads keys over servers that know nothing of each other: use another client")

func newRemote(client redis.UniversalClient, fleet string) (*remote, error) {
	if client == nil || reflect.ValueOf(client).IsNil() {
		return nil, errors.New("the client is nil")
	}
	if _, ring := client.(*redis.Ring); ring {
		return nil, errRing
	}
	k, err := newKeys(fleet)
	if err != nil {
		return nil, err
	}
	return &remote{client: client, keys: k}, nil
}

// pipeliner is what reads a fleet's keys: the client itself or, on Cluster, the client of the one node that they are
// on, since commands without a key, such as TIME, go to any.
type pipeliner interface {
	Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
	TxPipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

func (r *remote) node(ctx context.Context) (pipeliner, error) {
	if cluster, ok := r.client.(*redis.ClusterClient); ok {
		if r.lost.Swap(false) {
			r.lookAround(ctx)
		}
		return cluster.MasterForKey(ctx, r.keys.revision)
	}
	return r.client, nil
}

// failed is classify for an error of the client, after which the next read begins with a look around.
func (r *remote) failed(tried string, err error) error {
	r.lost.Store(true)
	return classify(tried, err)
}

// lookAroundTimes are how long each attempt at that may take. The client asks one node after another, in an order of its
// own choice, and one that hangs holds it up.
var lookAroundTimes = [...]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// lookAround has a Cluster client find out which node has what. Left to itself, it would ask one that is gone for up to a
// minute.
func (r *remote) lookAround(ctx context.Context) {
	cluster, ok := r.client.(*redis.ClusterClient)
	if !ok {
		return
	}
	for _, within := range lookAroundTimes {
		attempt, cancel := context.WithTimeout(ctx, within)
		// It is the only call that looks before it returns, rather than later. If it cannot, it goes by what it knew.
		_ = cluster.ForEachMaster(attempt, func(context.Context, *redis.Client) error { return nil })
		timely := attempt.Err() == nil
		cancel()
		if timely {
			return
		}
	}
}

// reading is what the key held at one moment, and the fleet's clock then.
type reading struct {
	// value is no longer than what was asked for. It is empty if the key holds nothing or does not exist.
	value   []byte
	missing bool
	// wrongType says that the key holds something else than a string.
	wrongType bool
	clock     clockReading
}

// read returns the first limit bytes of the key, and the time, in one round trip; where there are none, it asks again
// whether the key exists.
func (r *remote) read(ctx context.Context, limit int) (reading, error) {
	node, err := r.node(ctx)
	if err != nil {
		return reading{}, r.failed("find the fleet's node", err)
	}
	var clock *redis.TimeCmd
	var value *redis.StringCmd
	sent := time.Now()
	// The error of the whole is that of its first command; each is looked at below.
	_, _ = node.Pipelined(ctx, func(p redis.Pipeliner) error {
		clock = p.Time(ctx)
		value = p.GetRange(ctx, r.keys.revision, 0, int64(limit-1))
		return nil
	})
	out := reading{clock: newClockReading(clock, sent, time.Now())}
	if out.wrongType = isWrongType(value.Err()); out.wrongType {
		return out, nil
	}
	if out.value, err = value.Bytes(); err != nil {
		return reading{}, r.failed("read the fleet's key", err)
	}
	if len(out.value) == 0 {
		err = r.readNothing(ctx, node, limit, &out)
	}
	return out, err
}

// readNothing tells an empty value from a missing key. The two commands have to see the same moment: if a publish came
// in between, the new revision would pass for an order to clear the fleet.
func (r *remote) readNothing(ctx context.Context, node pipeliner, limit int, out *reading) error {
	var exists *redis.IntCmd
	var value *redis.StringCmd
	_, err := node.TxPipelined(ctx, func(p redis.Pipeliner) error {
		exists = p.Exists(ctx, r.keys.revision)
		value = p.GetRange(ctx, r.keys.revision, 0, int64(limit-1))
		return nil
	})
	if out.wrongType = isWrongType(value.Err()); out.wrongType {
		return nil
	}
	if err != nil {
		return classify("read the fleet's key", commandError(err, exists, value))
	}
	out.missing = exists.Val() == 0
	out.value, err = value.Bytes()
	return err
}

// measure returns a measurement of Redis' clock alone.
func (r *remote) measure(ctx context.Context) clockReading {
	sent := time.Now()
	node, err := r.node(ctx)
	if err != nil {
		return clockReading{err: err}
	}
	cmd, err := askTime(ctx, node)
	if err != nil {
		return clockReading{err: err}
	}
	return newClockReading(cmd, sent, time.Now())
}

// now returns Redis' clock.
func (r *remote) now(ctx context.Context) (time.Time, error) {
	node, err := r.node(ctx)
	if err != nil {
		return time.Time{}, classify("find the fleet's node", err)
	}
	cmd, err := askTime(ctx, node)
	if err != nil {
		return time.Time{}, classify("ask Redis for the time", err)
	}
	return cmd.Val(), checkClock(cmd.Val())
}

func askTime(ctx context.Context, node pipeliner) (cmd *redis.TimeCmd, err error) {
	_, err = node.Pipelined(ctx, func(p redis.Pipeliner) error {
		cmd = p.Time(ctx)
		return nil
	})
	return cmd, err
}

func isWrongType(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }

// commandError returns the error that made a transaction fail: EXECABORT only says that one of its commands did.
func commandError(err error, cmds ...redis.Cmder) error {
	if !redis.IsExecAbortError(err) {
		return err
	}
	for _, cmd := range cmds {
		if cause := cmd.Err(); cause != nil && !redis.IsExecAbortError(cause) {
			return cause
		}
	}
	return err
}

// emptySet is what an empty value means.
var emptySet = &directive.Set{}
