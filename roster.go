package fleetdial

import (
	"context"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// InstanceState is how an instance stands to the fleet's revision, as a word in capitals.
type InstanceState = redisstore.InstanceState

const (
	// InstanceSynced has the revision that the key holds, and follows the key.
	InstanceSynced = redisstore.InstanceSynced
	// InstanceStale has another revision, cannot tell whether it has the newest, or says what cannot be read.
	InstanceStale = redisstore.InstanceStale
	// InstanceRejected refused the revision.
	InstanceRejected = redisstore.InstanceRejected
	// InstanceNever has not applied any revision.
	InstanceNever = redisstore.InstanceNever
	// InstanceGone has vanished without leaving: it has not been heard of for three of its report intervals.
	InstanceGone = redisstore.InstanceGone
)

// Roster is the state of a fleet at one moment, as Publisher.Roster returns it: Now, the clock of Redis; what the key
// holds, that is, Published, whether it holds a revision, with its Version, ID and PublishedAt, and Err, why it does not; and
// Instances, a []Instance in the order of their names.
type Roster = redisstore.Roster

// Instance is one row of a roster: its Name; its State; LastSeen, by the clock of Redis; Report, what it last said of
// itself, nil if it is gone; and Err, why its report cannot be read, if that is so. What an instance says is its own
// affair: one that lies spoils its row and no other.
type Instance = redisstore.Instance

// Report is what an instance says of itself. Its times are by the clock of Redis. Instance is its name, Fleetdial the
// version of this library and Labels are its configuration's; StartedAt is when it began, WrittenAt when it reported and
// Every how often it does. State and Since are those of its Status, Source where its set is from, Error why it is not
// live. Applied is the revision it goes by (an *Applied, nil before the first), Rejected what it has refused since (a
// *Rejected, nil if nothing). ClockOffset is how far the clock of Redis is ahead of its own, and Counters those of its
// Status, by name.
type Report = wire.Report

// Applied is the revision that an instance goes by: Version, ID and PublishedAt, and At, when it was applied.
type Applied = wire.Applied

// Rejected is what an instance refused: Version and ID, which are 0 and empty where they cannot be read; Reason, a
// RejectReason; Error, in words; and At, when it was.
type Rejected = wire.Rejected

// Roster returns the fleet's roster: every subscriber that reports, and those that vanished within the last hour. Those
// beyond 20,000, the ones seen longest ago, are left out.
func (p *Publisher) Roster(ctx context.Context) (Roster, error) { return p.inner.Roster(ctx) }

var (
	// ErrNoInstances is returned by Publisher.Wait where there is no instance to wait for.
	ErrNoInstances = redisstore.ErrNoInstances
	// ErrRejected is wrapped by the error of Publisher.Wait when an instance refused the revision.
	ErrRejected = redisstore.ErrRejected
	// ErrWaitIncomplete is wrapped by the error of Publisher.Wait when its context's deadline came first.
	ErrWaitIncomplete = redisstore.ErrWaitIncomplete
	// ErrRevisionLost is wrapped by the error of Publisher.Wait when the key holds an older revision, or none: the one that
	// was waited for is lost.
	ErrRevisionLost = redisstore.ErrRevisionLost
)

// NoMinimum as WaitOptions.MinInstances is content with an empty roster.
const NoMinimum = redisstore.NoMinimum

// WaitOptions say what Publisher.Wait waits for. The zero value waits for every instance of the roster, and at least one.
type WaitOptions struct {
	// Threshold is the share of the roster, above 0 to 1, that has to have the revision; 0 is 1, all of it.
	Threshold float64
	// MinInstances is how many have to have it at least, those included that came after the roster was taken; 0 is 1.
	MinInstances int
	// KeepGoing goes on after an instance has refused the revision, until all others have answered.
	KeepGoing bool
	// Progress is called after each look at the roster, on the goroutine of Wait; nil if nobody wants to know.
	Progress func(WaitStatus)
}

// WaitStatus is how far a revision has come: its Version; Overtaken, the version of a newer one that the key holds by
// now, 0 if none; Expected, how many instances are waited for; Applied, how many of them have it, or a newer one;
// Joined, how many that came later have it, counted only where MinInstances asks for more than the roster has; and as
// []Instance those that are Rejected, having refused it, Pending, or Left, having left the fleet in the meantime, who are
// expected no more; and Elapsed, the time since Wait began.
type WaitStatus = redisstore.WaitStatus

// Wait follows a revision until the instances of the roster, which is best taken before the revision is published, have
// applied it or a newer one; those that were gone already are not waited for. It asks the roster, at first 50 times a
// second, then 4 times. Where rev has no ID, any revision of that version will do.
//
// The status is valid with any error: ErrNoInstances, ErrRejected, ErrRevisionLost, ErrWaitIncomplete at ctx's deadline, ctx's
// error if it was cancelled, or one of Redis. While Redis cannot be reached, Wait tries again.
func (p *Publisher) Wait(ctx context.Context, rev Revision, roster Roster, opts WaitOptions) (WaitStatus, error) {
	return p.inner.Wait(ctx, wire.Revision(rev), roster, redisstore.WaitOptions(opts))
}
