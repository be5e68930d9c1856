package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/wire"
)

const (
	// MaxInstances is how many instances of a fleet are looked at, the ones seen last.
	MaxInstances = 20_000
	// reportsAtOnce is how many reports are read in one round trip.
	reportsAtOnce = 500
)

// InstanceState is how an instance stands to the fleet's revision.
type InstanceState string

const (
	// InstanceSynced has the revision that the key holds, and follows it.
	InstanceSynced InstanceState = "SYNCED"
	// InstanceStale has another one, or cannot tell, or says what cannot be read.
	InstanceStale InstanceState = "STALE"
	// InstanceRejected refused it.
	InstanceRejected InstanceState = "REJECTED"
	// InstanceNever has applied none.
	InstanceNever InstanceState = "NEVER"
	// InstanceGone has vanished without leaving.
	InstanceGone InstanceState = "GONE"
)

// Instance is one row of the roster.
type Instance struct {
	Name     string
	State    InstanceState
	LastSeen time.Time
	Report   *wire.Report
	Err      error
}

// Roster is the state of a fleet at one moment.
type Roster struct {
	Now         time.Time
	Published   bool
	Version     int64
	ID          string
	PublishedAt time.Time
	Err         error
	Instances   []Instance
}

// Roster returns the roster, and what the key holds.
func (p *Publisher) Roster(ctx context.Context) (Roster, error) {
	instances, err := p.members(ctx)
	if err != nil {
		return Roster{}, err
	}
	if err := p.readReports(ctx, instances); err != nil {
		return Roster{}, err
	}
	// What the key holds is read last: an instance is then behind it, but never ahead.
	roster, err := p.head(ctx)
	if err != nil {
		return Roster{}, err
	}
	for _, in := range instances {
		if in.Report == nil && roster.Now.Sub(in.LastSeen) > rosterMemory {
			continue
		}
		in.State = roster.stateOf(&in)
		roster.Instances = append(roster.Instances, in)
	}
	slices.SortFunc(roster.Instances, func(a, b Instance) int { return strings.Compare(a.Name, b.Name) })
	return roster, nil
}

// head returns what the key holds, as far as its first bytes tell, and the time.
func (p *Publisher) head(ctx context.Context) (Roster, error) {
	got, err := p.remote.read(ctx, wire.PeekBytes)
	if err != nil {
		return Roster{}, err
	}
	if got.clock.err != nil {
		return Roster{}, classify("ask Redis for the time", got.clock.err)
	}
	out := Roster{Now: time.Unix(0, int64(time.Since(got.clock.epoch)))}
	switch {
	case got.wrongType:
		out.Err = wrongType(p.remote.keys.revision)
	case got.missing:
		out.Err = ErrNoRevision
	case len(got.value) == 0:
		out.Published = true
	default:
		var head wire.Revision
		if head, out.Err = wire.Peek(got.value); out.Err == nil {
			out.Published, out.Version, out.ID, out.PublishedAt = true, head.Version, head.ID, head.PublishedAt
		}
	}
	return out, nil
}

// members returns a row for each name.
func (p *Publisher) members(ctx context.Context) ([]Instance, error) {
	members, err := p.remote.client.ZRevRangeWithScores(ctx, p.remote.keys.fleet, 0, MaxInstances-1).Result()
	if isWrongType(err) {
		return nil, wrongType(p.remote.keys.fleet)
	}
	if err != nil {
		return nil, classify("read the fleet's roster", err)
	}
	instances := make([]Instance, len(members))
	for i, m := range members {
		name, _ := m.Member.(string)
		instances[i] = Instance{Name: name, LastSeen: time.UnixMilli(int64(m.Score))}
	}
	return instances, nil
}

// readReports reads what each instance last said of itself; Report stays nil where it says nothing.
func (p *Publisher) readReports(ctx context.Context, instances []Instance) error {
	for chunk := range slices.Chunk(instances, reportsAtOnce) {
		replies := make([]*redis.StringCmd, len(chunk))
		_, _ = p.remote.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i := range chunk {
				replies[i] = pipe.GetRange(ctx, p.remote.keys.instance+chunk[i].Name, 0, wire.MaxReportBytes)
			}
			return nil
		})
		for i := range chunk {
			err := replies[i].Err()
			if err != nil && !isWrongType(err) {
				return classify("read the fleet's roster", err)
			}
			chunk[i].read(replies[i])
		}
	}
	return nil
}

func (in *Instance) read(reply *redis.StringCmd) {
	value, err := reply.Bytes()
	in.Report, in.Err = nil, nil
	switch {
	case err != nil:
		in.Err = errors.New("its status is of another type")
	case len(value) == 0:
		return
	default:
		in.Report, err = wire.DecodeReport(value)
		if err == nil && in.Report.Instance != in.Name {
			err = errors.New("it is of another instance")
		}
		if err != nil {
			in.Report, in.Err = nil, fmt.Errorf("its status cannot be read: %w", err)
		} else if in.Report.WrittenAt.After(in.LastSeen) {
			in.LastSeen = in.Report.WrittenAt
		}
	}
}

// stateOf returns how an instance stands to what the key holds.
func (roster *Roster) stateOf(in *Instance) InstanceState {
	r := in.Report
	switch {
	case in.Err != nil:
		return InstanceStale
	case r == nil:
		return InstanceGone
	case r.Rejected != nil && r.Rejected.ID == roster.ID && r.State == string(StateRejected):
		return InstanceRejected
	case r.Applied == nil:
		return InstanceNever
	case roster.Published && r.Applied.ID == roster.ID && (r.State == string(StateLive) || r.State == string(StateEmpty)):
		return InstanceSynced
	}
	return InstanceStale
}
