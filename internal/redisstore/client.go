// Package redisstore sends Redis commands: it reads and writes the keys of one fleet, and
// subscribes to its channel. What the bytes mean, and what to do next, is decided elsewhere.
package redisstore

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/store"
)

// Client reads and writes the keys of one fleet. It is safe for concurrent use.
type Client struct {
	reader
	client redis.UniversalClient
	// cluster is the client, if it can name the node of a key.
	cluster clusterClient
	// sharded says that announcements also go to the sharded channel, see isCluster.
	sharded bool
	// lost says that the node of a Cluster that was asked last could not be reached.
	lost atomic.Bool
}

// clusterClient is what a client of several nodes can do beyond a [redis.UniversalClient]. A
// struct that embeds *redis.ClusterClient can do it too.
type clusterClient interface {
	MasterForKey(ctx context.Context, key string) (*redis.Client, error)
	ForEachMaster(ctx context.Context, fn func(context.Context, *redis.Client) error) error
}

// isCluster reports whether the client is one of a Redis Cluster. [redis.NewUniversalClient]
// returns a *redis.ClusterClient for Sentinel too. That one has a function for the slots.
func isCluster(client redis.UniversalClient) bool {
	c, ok := client.(interface{ Options() *redis.ClusterOptions })
	return ok && c.Options().ClusterSlots == nil
}

// isSingle reports whether all commands of the client go to the same server.
func isSingle(client redis.UniversalClient) bool {
	_, ok := client.(interface{ Options() *redis.Options })
	return ok
}

var errRing = errors.New("a Ring spreads keys over servers that know nothing of each other: use another client")

// New returns a client for a fleet. The error says which argument is wrong.
func New(client redis.UniversalClient, fleet string) (*Client, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	k, err := newKeys(fleet)
	if err != nil {
		return nil, err
	}
	cluster, _ := client.(clusterClient)
	return &Client{reader: reader{client, k}, client: client, cluster: cluster, sharded: isCluster(client)}, nil
}

// checkClient rejects a client that no fleet can use.
func checkClient(client redis.UniversalClient) error {
	if isNil(client) {
		return errors.New("the client is nil")
	}
	if _, ring := client.(*redis.Ring); ring {
		return errRing
	}
	return nil
}

func isNil(client redis.UniversalClient) bool {
	v := reflect.ValueOf(client)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// Key returns the name of the key that holds the revision. Signatures are bound to it.
func (c *Client) Key() string { return c.keys.revision }

// nodeClient reads a fleet's keys: the client itself or, on Cluster, the client of the one node that
// they are on, because a command without a key, such as TIME, goes to any.
type nodeClient interface {
	Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
	TxPipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
	GetRange(ctx context.Context, key string, start, end int64) *redis.StringCmd
}

// opaqueNode is a client that does not tell whether it hides a Cluster. All commands of a
// transaction go to the node of its keys, TIME among them.
type opaqueNode struct{ redis.UniversalClient }

// Pipelined sends the commands in a transaction. If Redis rejects the transaction, it sends
// them without one, so that a user who may not call TIME can read.
func (n opaqueNode) Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	cmds, err := n.TxPipelined(ctx, fn)
	if len(cmds) == 0 || !IsReply(cmds[0].Err()) {
		return cmds, err
	}
	return n.UniversalClient.Pipelined(ctx, fn)
}

func (c *Client) node(ctx context.Context) (nodeClient, error) {
	if c.cluster == nil {
		if isSingle(c.client) {
			return c.client, nil
		}
		return opaqueNode{c.client}, nil
	}
	if c.lost.Swap(false) {
		c.RefreshTopology(ctx)
	}
	return c.cluster.MasterForKey(ctx, c.keys.revision)
}

// failed is Classify for an error after which the next read begins with a new topology.
func (c *Client) failed(tried string, err error) error {
	c.lost.Store(true)
	return Classify(tried, err)
}

// topologyTimes are how long each attempt to read the topology may take. The client asks one
// node after another, in an order of its own choice, and one that hangs holds it up.
var topologyTimes = [...]time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// RefreshTopology has a Cluster client find out which node has which slot. Otherwise, the
// client would ask a node that is gone for up to a minute.
func (c *Client) RefreshTopology(ctx context.Context) {
	if c.cluster == nil {
		return
	}
	for _, within := range topologyTimes {
		attempt, cancel := context.WithTimeout(ctx, within)
		// It is the only call that reads the topology before it returns. If the call fails, the
		// client uses the topology that it knows.
		_ = c.cluster.ForEachMaster(attempt, func(context.Context, *redis.Client) error { return nil })
		timely := attempt.Err() == nil
		cancel()
		if timely {
			return
		}
	}
}

// ReadHeader returns the first bytes of the key's value, its length, and the fleet's clock,
// in one round trip.
func (c *Client) ReadHeader(ctx context.Context, bytes int) (store.Reading, error) {
	return c.read(ctx, bytes, true)
}

// ReadValue returns the key's value, or its first bytes up to the limit, and the fleet's
// clock, in one round trip.
func (c *Client) ReadValue(ctx context.Context, limit int) (store.Reading, error) {
	return c.read(ctx, limit, false)
}

// ReadBare is [Client.ReadValue] without the clock, in one command. If the client does not tell
// whether it hides a Cluster, the clock comes with the value.
func (c *Client) ReadBare(ctx context.Context, limit int) (store.Reading, error) {
	node, err := c.node(ctx)
	if err != nil {
		return store.Reading{}, c.failed("find the fleet's node", err)
	}
	if _, ok := node.(opaqueNode); ok {
		return c.read(ctx, limit, false)
	}
	return c.withValue(ctx, node, limit, node.GetRange(ctx, c.keys.revision, 0, int64(limit-1)), store.Reading{})
}

func (c *Client) read(ctx context.Context, limit int, length bool) (store.Reading, error) {
	node, err := c.node(ctx)
	if err != nil {
		return store.Reading{}, c.failed("find the fleet's node", err)
	}
	var clock *redis.TimeCmd
	var value *redis.StringCmd
	var size *redis.IntCmd
	sent := time.Now()
	noteFailure(node.Pipelined(ctx, func(p redis.Pipeliner) error {
		clock = p.Time(ctx)
		value = p.GetRange(ctx, c.keys.revision, 0, int64(limit-1))
		if length {
			size = p.StrLen(ctx, c.keys.revision)
		}
		return nil
	}))
	m := measured(clock, sent)
	out, err := c.withValue(ctx, node, limit, value, store.Reading{Clock: &m})
	if err != nil || out.WrongType || size == nil {
		return out, err
	}
	if err := size.Err(); err != nil {
		return store.Reading{}, c.failed("read the length of the fleet's key", err)
	}
	out.Length = max(out.Length, size.Val())
	return out, nil
}

// withValue adds to a reading what GETRANGE found.
func (c *Client) withValue(
	ctx context.Context, node nodeClient, limit int, value *redis.StringCmd, out store.Reading,
) (store.Reading, error) {
	if out.WrongType = isWrongType(value.Err()); out.WrongType {
		return out, nil
	}
	var err error
	if out.Value, err = value.Bytes(); err != nil {
		return store.Reading{}, c.failed("read the fleet's key", err)
	}
	if len(out.Value) == 0 {
		if err := c.readNothing(ctx, node, limit, &out); err != nil {
			return store.Reading{}, err
		}
	}
	out.Length = int64(len(out.Value))
	return out, nil
}

// readNothing tells an empty value from a missing key. Both commands have to see the same
// moment: if a publish came in between, the new revision would be taken for an order to clear
// the fleet.
func (c *Client) readNothing(ctx context.Context, node nodeClient, limit int, out *store.Reading) error {
	var exists *redis.IntCmd
	var value *redis.StringCmd
	_, err := node.TxPipelined(ctx, func(p redis.Pipeliner) error {
		exists = p.Exists(ctx, c.keys.revision)
		value = p.GetRange(ctx, c.keys.revision, 0, int64(limit-1))
		return nil
	})
	if out.WrongType = isWrongType(value.Err()); out.WrongType {
		return nil
	}
	if err != nil {
		return c.failed("read the fleet's key", commandError(err, exists, value))
	}
	out.Missing = exists.Val() == 0
	out.Value, err = value.Bytes()
	return err
}

// ReadClock returns a measurement of the fleet's clock alone.
func (c *Client) ReadClock(ctx context.Context) (store.Measurement, error) {
	node, err := c.node(ctx)
	if err != nil {
		return store.Measurement{}, c.failed("find the fleet's node", err)
	}
	var clock *redis.TimeCmd
	sent := time.Now()
	noteFailure(node.Pipelined(ctx, func(p redis.Pipeliner) error {
		clock = p.Time(ctx)
		if _, ok := node.(opaqueNode); ok {
			p.Exists(ctx, c.keys.revision) // it names the node
		}
		return nil
	}))
	if err := clock.Err(); err != nil && !IsReply(err) {
		return store.Measurement{}, c.failed("read the clock of Redis", err)
	}
	return measured(clock, sent), nil
}

// noteFailure gives the error of a whole pipeline to its commands if none of them has an error.
// That is so if the connection could not be made, for example because of a wrong password:
// without the error, each command would have an empty reply. The error of a pipeline is otherwise
// that of its first command that failed, and says nothing of the others.
func noteFailure(cmds []redis.Cmder, err error) {
	if err == nil || slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return cmd.Err() != nil }) {
		return
	}
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
}

// measured returns the measurement that a reply to TIME makes.
func measured(clock *redis.TimeCmd, sent time.Time) store.Measurement {
	return store.Measurement{
		Time: clock.Val(), Sent: sent, Received: time.Now(), Wall: sent.Round(0), Err: clock.Err(),
	}
}

// reader reads values as they are, through the client or within a transaction.
type reader struct {
	cmd  redis.Cmdable
	keys keys
}

// Value returns the key's value up to the limit. It is empty if there is no key.
func (r reader) Value(ctx context.Context, limit int) ([]byte, error) {
	value, err := r.cmd.GetRange(ctx, r.keys.revision, 0, int64(limit-1)).Bytes()
	return value, r.explain("read the fleet's key", r.keys.revision, err)
}

// HistoryValue returns the value at an index of the history, 0 for the newest. It returns
// false if the history does not reach so far.
func (r reader) HistoryValue(ctx context.Context, i int) (value []byte, found bool, err error) {
	value, err = r.cmd.LIndex(ctx, r.keys.history, int64(i)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return value, err == nil, r.explain("read the history", r.keys.history, err)
}

func (r reader) explain(tried, key string, err error) error {
	if isWrongType(err) {
		return &WrongTypeError{key}
	}
	return Classify(tried, err)
}
