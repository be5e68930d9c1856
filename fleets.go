package fleetdial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/pace"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Fleets returns the names of the fleets in the client's database, in alphabetical order:
// of every fleet that has a key, a history or a roster. Fleets reads the names of all
// keys of the database with SCAN, on a Cluster those of every master. Fleets returns when
// ctx ends. The error wraps [ErrUnavailable] if Redis cannot be reached or denies SCAN.
func Fleets(ctx context.Context, client redis.UniversalClient) ([]string, error) {
	names, err := redisstore.Fleets(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("fleetdial: fleets: %w", err)
	}
	return names, nil
}

// FleetSummary is one fleet, as [SummarizeFleets] returns it.
type FleetSummary struct {
	// Name is the fleet's name.
	Name string
	// Now is the time of the summary by the clock of Redis.
	Now time.Time
	// Revision is the current revision. Its signature is not checked. If the value of the key
	// cannot be read, Revision has an empty set, and at most the fields ID, Version and
	// PublishedAt.
	Revision Revision
	// Err is the reason why the value cannot be read, and [ErrNoRevision] if the key does not
	// exist. It is nil if the value was read.
	Err error
	// Instances is the number of instances that have reported within the last 30 seconds,
	// which are three report intervals by default.
	Instances int
}

// SummarizeFleets returns a summary of each fleet, in the order of the names.
// SummarizeFleets needs two round trips for each 16 fleets, and returns when ctx ends. If
// Redis answers with an error for one fleet, for example because the user may not read
// its key, that error is the Err of the summary. The error of SummarizeFleets itself
// reports a name that is not valid, or wraps [ErrUnavailable].
func SummarizeFleets(ctx context.Context, client redis.UniversalClient, names []string) ([]FleetSummary, error) {
	found, err := redisstore.ReadFleets(ctx, client, names, wire.MaxValueBytes+1)
	if err != nil {
		return nil, fmt.Errorf("fleetdial: summarize fleets: %w", err)
	}
	out := make([]FleetSummary, len(found))
	for i, f := range found {
		out[i] = FleetSummary{
			Name: f.Name, Now: f.Now, Instances: int(f.Instances), Err: f.Err, Revision: Revision{Set: new(Set)},
		}
		switch {
		case f.Err != nil:
		case !f.Exists:
			out[i].Err = ErrNoRevision
		default:
			out[i].Revision, out[i].Err = DecodeRevision(f.Value)
			if out[i].Err != nil {
				out[i].Revision, _ = wire.DecodeHeader(f.Value)
				out[i].Revision.Set = new(Set)
			}
		}
	}
	return out, nil
}

// Exists reports whether the fleet has a key, a history or a roster. The first publish
// creates the key and the history. The first report of a subscriber creates the roster.
func (p *Publisher) Exists(ctx context.Context) (bool, error) { return p.client.Exists(ctx) }

// Forget removes the fleet's key, history and roster, if the current revision still has
// the ID of current. Pass the revision that [Publisher.Current] returned, also if it
// returned an error because the key is missing or unreadable. For a fleet that does not
// exist, Forget returns nil.
//
// The error wraps [ErrInstancesLive] if an instance follows the fleet. The error is a
// *[ConflictError] if there is another current revision. After these errors, and after
// all errors that do not wrap [ErrOutcomeUnknown], nothing was removed. If a replica
// answers, Forget tries again as [Publisher.Publish] does.
func (p *Publisher) Forget(ctx context.Context, current Revision) error {
	isOpen := false
	var readOnly error // the last error of a replica that answered
	var readOnlySince time.Time
	retry := pace.Backoff{Shortest: firstRetry, Longest: longestRetry}
	for {
		roster, err := p.Roster(ctx)
		if err == nil {
			err = p.client.Forget(ctx, wire.MaxValueBytes+1, func(found redisstore.Remains) error {
				return p.checkRemains(found, &roster, current, isOpen)
			})
		}
		switch {
		case err == nil, errors.Is(err, errForgotten):
			return nil
		case errors.Is(err, redisstore.ErrReplyLost):
			isOpen = true
		case errors.Is(err, redisstore.ErrConcurrent), isOpen && errors.Is(err, ErrUnavailable):
		case isOpen:
			// An earlier attempt may have removed the fleet, and somebody may have created it
			// again. The error is not wrapped, because its kind would mean that nothing was
			// removed.
			return fmt.Errorf("%w; the last attempt failed: %v", ErrOutcomeUnknown, err) //nolint:errorlint
		case redisstore.IsReadOnly(err) && (readOnly == nil || time.Since(readOnlySince) < readOnlyTime):
			// The attempt closed connections to a server that was demoted.
			if readOnly == nil {
				readOnlySince = time.Now()
			}
			readOnly = err
		case readOnly != nil && ctx.Err() != nil && errors.Is(err, ErrUnavailable):
			return readOnly
		default:
			return err
		}
		switch {
		case pace.Sleep(ctx, retry.Next(nil)):
		case isOpen:
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		case readOnly != nil:
			return readOnly
		default:
			return redisstore.Classify("nothing was removed: others kept writing", ctx.Err())
		}
	}
}

// errForgotten reports that an earlier attempt has removed the fleet.
var errForgotten = errors.New("the fleet is forgotten")

// checkRemains returns an error if the fleet must not be forgotten. An instance is live
// if it is not InstanceGone in the roster, or has reported since the roster was read.
// isOpen is set if an earlier attempt may have removed the keys.
func (p *Publisher) checkRemains(found redisstore.Remains, roster *Roster, current Revision, isOpen bool) error {
	gone := make(map[string]time.Time)
	for _, in := range roster.Instances {
		if in.State == InstanceGone {
			gone[in.Name] = in.LastSeen
		}
	}
	var live []string
	for _, m := range found.Members {
		isHeard := roster.Now.Sub(m.LastSeen) <= redisstore.RosterMemory && m.LastSeen.Sub(roster.Now) <= redisstore.MaxAhead
		if seen, isGone := gone[m.Name]; isHeard && (!isGone || m.LastSeen.After(seen)) {
			live = append(live, m.Name)
		}
	}
	if len(live) > 0 {
		slices.Sort(live)
		return fmt.Errorf("%w: %s", ErrInstancesLive, strings.Join(live, ", "))
	}
	switch {
	case isOpen && !found.Exists && !found.HasHistory && len(found.Members) == 0:
		return errForgotten
	case isOpen && !found.Exists:
		return nil
	}
	rev, err := p.decode(found.Value)
	if err != nil {
		rev, _ = wire.DecodeHeader(found.Value)
		rev.Set = new(Set)
	}
	if rev.ID == current.ID {
		return nil
	}
	return &ConflictError{Expected: current.Version, Revision: rev}
}
