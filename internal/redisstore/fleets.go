package redisstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// fleetPattern matches the keys that hold a revision, a history or a roster: the last byte
	// tells them from most reports, of which a large fleet has thousands.
	fleetPattern = "fleetdial:{*[}yt]"
	// scanCount is how many keys a server examines in one call of SCAN: a few milliseconds.
	scanCount = 10_000
	// SeenLately is three report intervals, by default.
	SeenLately = 30 * time.Second
	// fleetsAtOnce is how many fleets are read in one round trip. Each value may have 4 MiB.
	fleetsAtOnce = 16
)

// Fleets returns the names of the fleets that have a revision, a history or a roster, in
// order. On a Cluster, Fleets scans every master. Fleets returns when the context ends, as the
// methods of Interruptible do.
func Fleets(ctx context.Context, client redis.UniversalClient) ([]string, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	const tried = "scan for fleets"
	return interruptibly(ctx, tried, func() ([]string, error) {
		names, err := scanAll(ctx, client)
		return names, Classify(tried, err)
	})
}

// scanAll returns the names of the fleets on all servers.
func scanAll(ctx context.Context, client redis.UniversalClient) ([]string, error) {
	var mu sync.Mutex
	found := map[string]bool{}
	add := func(keys []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, key := range keys {
			if name, ok := fleetOf(key); ok {
				found[name] = true
			}
		}
	}
	var err error
	if cluster, ok := client.(clusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return scan(ctx, node, add)
		})
	} else {
		err = scan(ctx, client, add)
	}
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// scan calls add with the keys of one server that match fleetPattern.
func scan(ctx context.Context, server redis.Cmdable, add func(keys []string)) error {
	for cursor := uint64(0); ; {
		keys, next, err := server.Scan(ctx, cursor, fleetPattern, scanCount).Result()
		if err != nil {
			return err
		}
		add(keys)
		if next == 0 {
			return nil
		}
		cursor = next
	}
}

// fleetOf returns the name of the fleet whose revision, history or roster the key holds.
func fleetOf(key string) (name string, ok bool) {
	name, ok = strings.CutPrefix(key, "fleetdial:{")
	if !ok {
		return "", false
	}
	name, _, ok = strings.Cut(name, "}")
	if !ok || !fleetName.MatchString(name) {
		return "", false
	}
	k, _ := newKeys(name)
	return name, key == k.revision || key == k.history || key == k.fleet
}

// Exists reports whether the fleet has a revision, a history or a roster.
func (c *Client) Exists(ctx context.Context) (bool, error) {
	node, err := c.node(ctx)
	if err != nil {
		return false, c.failed("find the fleet's node", err)
	}
	var exists *redis.IntCmd
	_, err = node.Pipelined(ctx, func(p redis.Pipeliner) error {
		exists = p.Exists(ctx, c.keys.revision, c.keys.history, c.keys.fleet)
		return nil
	})
	if err != nil {
		return false, c.failed("search for the fleet", err)
	}
	return exists.Val() > 0, nil
}

// Overview is what the keys of one fleet hold.
type Overview struct {
	Name string
	// Now is the clock of Redis.
	Now time.Time
	// Exists says that there is a key. Value is its value, up to the limit.
	Exists bool
	Value  []byte
	// Instances is how many instances were seen within SeenLately.
	Instances int64
	// Err is the reply of Redis that denies the reading of this fleet.
	Err error
}

// ReadFleets reads several fleets, in two round trips for each 16 fleets. An error reply is
// the Err of its fleet. ReadFleets returns when the context ends, as the methods of Interruptible
// do.
func ReadFleets(ctx context.Context, client redis.UniversalClient, names []string, limit int) ([]Overview, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	all := make([]Overview, len(names))
	fleets := make([]keys, len(names))
	for i, name := range names {
		var err error
		if fleets[i], err = newKeys(name); err != nil {
			return nil, err
		}
		all[i].Name = name
	}
	// The caller's names are not read from here on: they may change after the context has ended.
	return interruptibly(ctx, "read the fleets", func() ([]Overview, error) {
		for from := 0; from < len(all); from += fleetsAtOnce {
			to := min(from+fleetsAtOnce, len(all))
			if err := readFleets(ctx, client, fleets[from:to], all[from:to], limit); err != nil {
				return nil, err
			}
			if err := countInstances(ctx, client, fleets[from:to], all[from:to]); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// readFleets reads the value of each fleet.
func readFleets(ctx context.Context, client redis.UniversalClient, fleets []keys, out []Overview, limit int) error {
	var now *redis.TimeCmd
	exists, values := make([]*redis.IntCmd, len(fleets)), make([]*redis.StringCmd, len(fleets))
	noteFailure(client.Pipelined(ctx, func(p redis.Pipeliner) error {
		now = p.Time(ctx)
		for i, k := range fleets {
			exists[i], values[i] = p.Exists(ctx, k.revision), p.GetRange(ctx, k.revision, 0, int64(limit-1))
		}
		return nil
	}))
	if err := now.Err(); err != nil {
		return Classify("read the clock of Redis", err)
	}
	for i := range fleets {
		f := &out[i]
		f.Now, f.Exists = now.Val(), exists[i].Val() > 0
		f.Value, _ = values[i].Bytes()
		if err := f.note(exists[i], values[i]); err != nil {
			return err
		}
	}
	return nil
}

// countInstances counts the instances of each fleet that were seen lately.
func countInstances(ctx context.Context, client redis.UniversalClient, fleets []keys, out []Overview) error {
	counts := make([]*redis.IntCmd, len(fleets))
	noteFailure(client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, k := range fleets {
			millis := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
			counts[i] = p.ZCount(ctx, k.fleet, millis(out[i].Now.Add(-SeenLately)), millis(out[i].Now.Add(MaxAhead)))
		}
		return nil
	}))
	for i, count := range counts {
		out[i].Instances = count.Val()
		if err := out[i].note(count); err != nil {
			return err
		}
	}
	return nil
}

// note keeps the first error reply. It returns an error that is not a reply.
func (f *Overview) note(cmds ...redis.Cmder) error {
	for _, cmd := range cmds {
		err := cmd.Err()
		if err != nil && !IsReply(err) {
			return Classify("read the fleets", err)
		}
		if isWrongType(err) {
			err = &WrongTypeError{cmd.Args()[1].(string)}
		}
		if f.Err == nil {
			f.Err = err
		}
	}
	return nil
}

// reports returns the keys of the instances' reports.
func (k keys) reports(members []Member) []string {
	reports := make([]string, len(members))
	for i, m := range members {
		reports[i] = k.instance + m.Name
	}
	return reports
}
