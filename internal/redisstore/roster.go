package redisstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// MaxInstances is how many instances of a fleet are read, those that were seen last.
	MaxInstances = 20_000
	// RosterMemory is how long the roster remembers an instance that vanished.
	RosterMemory = time.Hour
	// MaxAhead is how far ahead of the clock of Redis a time in the roster may be. A time further
	// ahead is forged, or from before the clock was put right.
	MaxAhead = time.Minute
	// maxScore keeps a score within the times that a report may have.
	maxScore = 1e14
	// reportsAtOnce is how many reports are read in one round trip.
	reportsAtOnce = 500
)

// Member is a name in the roster.
type Member struct {
	Name     string
	LastSeen time.Time
}

// Members returns the roster's names, those that were seen last first.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	found, err := c.client.ZRevRangeWithScores(ctx, c.keys.fleet, 0, MaxInstances-1).Result()
	if err != nil {
		return nil, c.explain("read the fleet's roster", c.keys.fleet, err)
	}
	return membersOf(found), nil
}

func membersOf(found []redis.Z) []Member {
	members := make([]Member, len(found))
	for i, m := range found {
		name, _ := m.Member.(string)
		members[i] = Member{Name: name, LastSeen: time.UnixMilli(int64(min(max(m.Score, 0), maxScore)))}
	}
	return members
}

// Reports calls each for every name, in order, with the report of that instance. The report
// is empty if there is none, and wrongType says that its key is of another type.
func (c *Client) Reports(ctx context.Context, names []string, each func(i int, report []byte, wrongType bool)) error {
	done := 0
	for chunk := range slices.Chunk(names, reportsAtOnce) {
		replies := make([]*redis.StringCmd, len(chunk))
		noteFailure(c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, name := range chunk {
				replies[i] = p.GetRange(ctx, c.keys.instance+name, 0, wire.MaxReportBytes)
			}
			return nil
		}))
		for i, reply := range replies {
			report, err := reply.Bytes()
			if err != nil && !isWrongType(err) {
				return Classify("read the fleet's roster", err)
			}
			each(done+i, report, err != nil)
		}
		done += len(chunk)
	}
	return nil
}

// ReportHead returns the first bytes of the report of an instance. They are empty if there is
// none.
func (c *Client) ReportHead(ctx context.Context, name string, bytes int) ([]byte, error) {
	return c.client.GetRange(ctx, c.keys.instance+name, 0, int64(bytes-1)).Bytes()
}

// WriteReport writes the report of an instance, which expires after life, and the time at
// which the instance was seen. If prune is set, it also removes what the roster need not
// remember, and times that no instance can have been seen at.
func (c *Client) WriteReport(
	ctx context.Context, name string, report []byte, life time.Duration, now time.Time, prune bool,
) error {
	millis := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	cmds, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, c.keys.instance+name, report, life)
		p.ZAdd(ctx, c.keys.fleet, redis.Z{Score: float64(now.UnixMilli()), Member: name})
		if prune {
			p.ZRemRangeByScore(ctx, c.keys.fleet, "-inf", millis(now.Add(-RosterMemory)))
			p.ZRemRangeByScore(ctx, c.keys.fleet, "("+millis(now.Add(MaxAhead)), "+inf")
		}
		return nil
	})
	noteFailure(cmds, err)
	if err != nil && len(cmds) > 1 && cmds[0].Err() == nil && cmds[1].Err() == nil {
		return nil // another instance prunes the roster
	}
	return err
}

// RemoveReport removes an instance from the roster, if isOwn accepts the first bytes of its
// report. A report that is written meanwhile stays. If Redis denies the read, the report is
// removed. If a replica answers, because the master was demoted, RemoveReport tries again on a
// new connection.
func (c *Client) RemoveReport(ctx context.Context, name string, bytes int, isOwn func(head []byte) bool) error {
	key := c.keys.instance + name
	remove := func(p redis.Pipeliner) error {
		p.Del(ctx, key)
		p.ZRem(ctx, c.keys.fleet, name)
		return nil
	}
	removeOwn := func(tx *redis.Tx) error {
		head, err := tx.GetRange(ctx, key, 0, int64(bytes-1)).Bytes()
		if err == nil && !isOwn(head) {
			return nil
		}
		if err != nil {
			return err
		}
		cmds, err := tx.TxPipelined(ctx, remove)
		return commandError(err, cmds...)
	}
	err := c.client.Watch(ctx, removeOwn, key)
	if IsReadOnly(err) {
		c.dropIdle(ctx)
		err = c.client.Watch(ctx, removeOwn, key)
	}
	if redis.HasErrorPrefix(err, "NOPERM") {
		_, err = c.client.Pipelined(ctx, remove)
	}
	if errors.Is(err, redis.TxFailedErr) {
		return nil // another instance has the name now
	}
	return err
}
