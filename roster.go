package fleetdial

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Roster is the list of a fleet's instances at one moment, and the revision that they are
// compared with. [Publisher.Roster] returns a Roster.
type Roster struct {
	// Now is the time of the roster by the clock of Redis.
	Now time.Time
	// Published reports whether the key holds a revision or the empty value.
	Published bool
	// Version, ID and PublishedAt are those of the current revision. They are zero if there
	// is none.
	Version     int64
	ID          string
	PublishedAt time.Time
	// Err is the reason why Published is false. It is nil if Published is true.
	Err error
	// Digest is the digest of the key's value, to compare with Applied.Digest of the
	// instances. It is empty for the empty value.
	Digest string
	// Instances are in the order of their names.
	Instances []Instance

	pendingTime time.Duration
	// every is the report interval of instances without a readable report.
	every time.Duration
	// back is when Redis could be read again after an outage in which no instance could report,
	// zero if there was none.
	back time.Time
}

// Report is the report of an instance. The times are by the clock of Redis.
//
//	type Report struct {
//		Instance     string            // the name under which it reports
//		Run          string            // the random id of its Subscriber, empty in older builds
//		Shared       string            // its configured name, if another instance reports under that name
//		Fleetdial    string            // the version of this library
//		Labels       map[string]string // its labels
//		StartedAt    time.Time         // when it began
//		WrittenAt    time.Time         // when it wrote the report
//		Every        time.Duration     // its report interval
//		State        State             // how it stands to the key
//		Since        time.Time         // when the state began
//		Source       Source            // where its set comes from
//		Applied      *Applied          // the revision in force, nil before the first
//		Rejected     *Rejected         // the last value rejected since then, nil if there is none
//		Error        string            // why it is neither live nor empty
//		ClockOffset  time.Duration     // how far the clock of Redis is ahead of its own
//		Counters     map[string]int64  // the counters of its Status, by name
//		Capabilities []Capability      // its capabilities, nil if not known
//		Verifies     bool              // whether it applies signed revisions only
//		MaxFormat    int               // the highest format that it reads, 0 in older builds
//		Hits         *ReportHits       // its hits, nil in older builds
//	}
//
//	func (*Report) ConfiguredName() string // Shared, or else Instance; directives with Instances compare it
type Report = wire.Report

// Capability is the ability of an instance to act on a part of a [Decision].
//
//	type Capability string
type Capability = wire.Capability

// The capabilities.
const (
	// CapabilityCaptures is the ability to capture traffic.
	CapabilityCaptures = wire.CapabilityCaptures
	// CapabilityRingBuffer is the ability to keep requests in a ring buffer.
	CapabilityRingBuffer = wire.CapabilityRingBuffer
)

// Applied is the revision that an instance has applied.
//
//	type Applied struct {
//		Version     int64     // 0 for the empty value
//		ID          string    // empty for the empty value
//		PublishedAt time.Time // when the revision was published
//		At          time.Time // when the instance applied the revision
//		SignedBy    string    // the id of the key whose signature the instance checked, or empty
//		Digest      string    // the first 16 hex digits of the SHA-256 of the value
//	}
type Applied = wire.Applied

// Rejected is a value that an instance has rejected.
//
//	type Rejected struct {
//		Version int64        // 0 if it cannot be read
//		ID      string       // empty if it cannot be read
//		Reason  RejectReason // the kind of reason
//		Error   string       // the reason in words
//		At      time.Time    // when
//	}
type Rejected = wire.Rejected

// Roster returns the roster of the fleet. The roster has every subscriber that reports,
// and every subscriber that vanished without Close within the last hour. If there are
// more than 20,000, the roster has the 20,000 that reported last. If the maxmemory-policy
// of Redis evicts keys with an expiry, reports may be missing. The roster still shows
// these instances, because their names are in another key.
func (p *Publisher) Roster(ctx context.Context) (Roster, error) {
	instances, err := p.members(ctx)
	if err != nil {
		return Roster{}, err
	}
	if err := p.readReports(ctx, instances); err != nil {
		return Roster{}, err
	}
	// The key is read after the reports, so that an instance may seem to be behind the key for a
	// moment, and never ahead.
	got, err := p.client.ReadValue(ctx, wire.MaxValueBytes+1)
	if err != nil {
		return Roster{}, err
	}
	roster, err := p.rosterOf(got)
	if err != nil {
		return Roster{}, err
	}
	roster.Digest = wire.Digest(got.Value)
	roster.every = longestInterval(instances)
	for _, in := range instances {
		roster.judge(&in)
		if in.State != InstanceGone || in.LastSeen.IsZero() || roster.Now.Sub(in.LastSeen) <= redisstore.RosterMemory {
			roster.Instances = append(roster.Instances, in)
		}
	}
	slices.SortFunc(roster.Instances, func(a, b Instance) int { return strings.Compare(a.Name, b.Name) })
	roster.markShared()
	return roster, nil
}

// rosterOf returns the roster of a reading of the key, without the instances and the
// digest.
func (p *Publisher) rosterOf(got store.Reading) (Roster, error) {
	if got.Clock.Err != nil {
		return Roster{}, redisstore.Classify("read the clock of Redis", got.Clock.Err)
	}
	out := Roster{Now: got.Clock.Time, pendingTime: p.cfg.pendingTime()}
	switch {
	case got.WrongType:
		out.Err = &redisstore.WrongTypeError{Key: p.client.Key()}
	case got.Missing:
		out.Err = ErrNoRevision
	case len(got.Value) == 0:
		out.Published = true
	default:
		var head Revision
		if head, out.Err = wire.DecodeHeader(got.Value); out.Err == nil {
			out.Published, out.Version, out.ID, out.PublishedAt = true, head.Version, head.ID, head.PublishedAt
		}
	}
	return out, nil
}

// members returns an Instance for each name in the sorted set.
func (p *Publisher) members(ctx context.Context) ([]Instance, error) {
	members, err := p.client.Members(ctx)
	if err != nil {
		return nil, err
	}
	instances := make([]Instance, len(members))
	for i, m := range members {
		instances[i] = Instance{Name: m.Name, scored: m.LastSeen}
	}
	return instances, nil
}

// readReports reads the last report of each instance. Report is nil if there is none.
func (p *Publisher) readReports(ctx context.Context, instances []Instance) error {
	names := make([]string, len(instances))
	for i := range instances {
		names[i] = instances[i].Name
	}
	return p.client.Reports(ctx, names, func(i int, report []byte, wrongType bool) {
		instances[i].read(report, wrongType)
	})
}
