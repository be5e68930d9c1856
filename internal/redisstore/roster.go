package redisstore

import (
	"context"
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
	members := make([]Member, len(found))
	for i, m := range found {
		name, _ := m.Member.(string)
		members[i] = Member{Name: name, LastSeen: time.UnixMilli(int64(m.Score))}
	}
	return members, nil
}

// Reports calls each for every name, in order, with the report of that instance. The report
// is empty if there is none, and wrongType says that its key is of another type.
func (c *Client) Reports(ctx context.Context, names []string, each func(i int, report []byte, wrongType bool)) error {
	done := 0
	for chunk := range slices.Chunk(names, reportsAtOnce) {
		replies := make([]*redis.StringCmd, len(chunk))
		_, _ = c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, name := range chunk {
				replies[i] = p.GetRange(ctx, c.keys.instance+name, 0, wire.MaxReportBytes)
			}
			return nil
		})
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

// WriteReport writes the report of an instance, which expires after life, and the time at
// which the instance was seen. If prune is set, it also removes what the roster need not
// remember.
func (c *Client) WriteReport(
	ctx context.Context, name string, report []byte, life time.Duration, now time.Time, prune bool,
) error {
	cmds, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, c.keys.instance+name, report, life)
		p.ZAdd(ctx, c.keys.fleet, redis.Z{Score: float64(now.UnixMilli()), Member: name})
		if prune {
			p.ZRemRangeByScore(ctx, c.keys.fleet, "-inf", strconv.FormatInt(now.Add(-RosterMemory).UnixMilli(), 10))
		}
		return nil
	})
	if err != nil && len(cmds) > 1 && cmds[0].Err() == nil && cmds[1].Err() == nil {
		return nil // another instance prunes the roster
	}
	return err
}

// RemoveReport removes an instance from the roster.
func (c *Client) RemoveReport(ctx context.Context, name string) error {
	_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, c.keys.instance+name)
		p.ZRem(ctx, c.keys.fleet, name)
		return nil
	})
	return err
}
