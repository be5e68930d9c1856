package fleetdial

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/report"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// InstanceState is how an instance stands to the current revision.
type InstanceState string

const (
	// InstanceSynced has applied the current revision, and follows the key.
	InstanceSynced InstanceState = "SYNCED"
	// InstancePending follows the key, but had not applied the current revision when it
	// last reported. That is normal for a moment after a publish: see
	// PublisherConfig.PendingTime.
	InstancePending InstanceState = "PENDING"
	// InstanceStale has applied another revision, or another value under the same id. An
	// instance that does not know what the key holds, and an instance whose report is
	// missing or cannot be read, are InstanceStale too.
	InstanceStale InstanceState = "STALE"
	// InstanceRejected has rejected the current revision.
	InstanceRejected InstanceState = "REJECTED"
	// InstanceNever has not applied any revision.
	InstanceNever InstanceState = "NEVER"
	// InstanceGone has not reported for three of its report intervals, and has not
	// removed itself from the roster: it has crashed, hangs or cannot reach Redis.
	InstanceGone InstanceState = "GONE"
)

// Instance is one row of a [Roster].
type Instance struct {
	// Name is the name under which the instance reports.
	Name string
	// State is how the instance stands to the current revision.
	State InstanceState
	// LastSeen is when the instance last reported, by the clock of Redis. Times that are
	// more than a minute ahead of that clock are forged, and are ignored. LastSeen is
	// zero if there is no other time.
	LastSeen time.Time
	// Report is the last report of the instance. Redis keeps the report for an hour, also
	// if the instance is gone. Report is nil if the report cannot be read, or if Redis
	// has evicted it. A forged report affects no other row.
	Report *Report
	// Err is the reason why the report cannot be read or why the instance is stale, if
	// the reason is known.
	Err error
	// Shared is the configured name of the instance if another live instance has the same
	// name, and otherwise empty. Both rows have it: the row of that name, and the row of
	// the instance that reports under another name. See SubscriberConfig.Instance.
	Shared string

	scored time.Time // when it was last seen by the sorted set
}

func (in *Instance) read(report []byte, wrongType bool) {
	in.Report, in.Err = nil, nil
	if wrongType {
		in.Err = errors.New("the report is of another type")
		return
	}
	if len(report) == 0 {
		return
	}
	got, err := wire.DecodeReport(report)
	if err == nil && got.Instance != in.Name {
		err = errors.New("the report is of another instance")
	}
	if err != nil {
		in.Err = fmt.Errorf("the report cannot be read: %w", err)
		return
	}
	in.Report = got
}

var (
	errOtherValue    = errors.New("the instance has applied another value under the id of the current revision")
	errReportMissing = errors.New("its report is missing: Redis may have evicted it (see maxmemory-policy)")
)

// judge sets the State of an instance, its LastSeen and its Err.
func (r *Roster) judge(in *Instance) {
	r.see(in)
	in.State = r.stateOf(in)
	if in.State != InstanceStale || in.Err != nil {
		return
	}
	switch {
	case in.Report == nil:
		in.Err = errReportMissing
	case in.Report.Applied.ID == r.ID && r.differs(in.Report.Applied):
		in.Err = errOtherValue
	}
}

// see sets LastSeen to the later of the times in the sorted set and in the report. Times
// ahead of the clock of Redis are ignored.
func (r *Roster) see(in *Instance) {
	in.LastSeen = time.Time{}
	times := []time.Time{in.scored}
	if in.Report != nil {
		times = append(times, in.Report.WrittenAt)
	}
	for _, at := range times {
		if at.After(in.LastSeen) && at.Sub(r.Now) <= redisstore.MaxAhead {
			in.LastSeen = at
		}
	}
}

// isGone reports whether an instance has not reported for three report intervals.
func (r *Roster) isGone(in *Instance) bool {
	every := r.every
	if in.Report != nil {
		every = in.Report.Every
	}
	since := in.LastSeen
	if r.back.After(since) {
		since = r.back
	}
	return since.IsZero() || r.Now.Sub(since) > report.Silence(cmp.Or(every, DefaultReportInterval))
}

// isSilent is isGone for an instance that judge has not been called for.
func (r *Roster) isSilent(in *Instance) bool {
	r.see(in)
	return r.isGone(in)
}

func (r *Roster) stateOf(in *Instance) InstanceState {
	rep := in.Report
	switch {
	case r.isGone(in):
		return InstanceGone
	case in.Err != nil, rep == nil:
		return InstanceStale
	case r.isRejectedBy(rep):
		return InstanceRejected
	case r.isRecent() && follows(rep.State) && (rep.Applied == nil || rep.Applied.ID != r.ID):
		return InstancePending
	case rep.Applied == nil:
		return InstanceNever
	case !r.Published || rep.State != StateLive && rep.State != StateEmpty:
		return InstanceStale
	case rep.Applied.ID == r.ID && !r.differs(rep.Applied):
		return InstanceSynced
	}
	return InstanceStale
}

// isRejectedBy reports whether an instance has rejected the current revision. A build
// that does not know the format of a value reports neither its version nor its id. Such
// an instance has rejected the current revision if it has rejected a value after the
// current revision was published.
func (r *Roster) isRejectedBy(rep *Report) bool {
	j := rep.Rejected
	if j == nil || rep.State != StateRejected {
		return false
	}
	return j.ID == r.ID || j.ID == "" && j.Version == 0 && r.Version > 0 && !j.At.Before(r.PublishedAt)
}

// follows reports whether an instance in the state receives the next revision. The states
// StateMissing and StateRejected are those of the key before that revision.
func follows(s State) bool {
	return s == StateLive || s == StateEmpty || s == StateMissing || s == StateRejected
}

// DefaultPendingTime is the default of PublisherConfig.PendingTime.
const DefaultPendingTime = 5 * time.Second

func (cfg *PublisherConfig) pendingTime() time.Duration {
	return cmp.Or(cfg.PendingTime, DefaultPendingTime)
}

// isRecent reports whether the current revision was published within the pending time.
func (r *Roster) isRecent() bool {
	age := r.Now.Sub(r.PublishedAt)
	return r.Version > 0 && 0 <= age && age < r.pendingTime
}

// longestInterval returns the longest report interval in the reports, for the instances
// whose reports are missing. A report interval counts at most a quarter of the time for
// which the roster keeps an instance, because the report may be forged.
func longestInterval(instances []Instance) (longest time.Duration) {
	for i := range instances {
		if rep := instances[i].Report; rep != nil {
			longest = max(longest, min(rep.Every, redisstore.RosterMemory/4))
		}
	}
	return cmp.Or(longest, DefaultReportInterval)
}

// markShared marks the instances that use one name.
func (r *Roster) markShared() {
	for i := range r.Instances {
		in := &r.Instances[i]
		rep := in.Report
		if rep == nil || rep.Shared == "" || in.State == InstanceGone || in.Name != wire.AsideName(rep.Shared, rep.Run) {
			continue
		}
		in.Shared = rep.Shared
		if owner, found := r.find(rep.Shared); found {
			owner.Shared = rep.Shared
		}
	}
}

// find returns the instance with a name.
func (r *Roster) find(name string) (*Instance, bool) {
	i, found := slices.BinarySearchFunc(r.Instances, name, func(in Instance, name string) int {
		return strings.Compare(in.Name, name)
	})
	if !found {
		return nil, false
	}
	return &r.Instances[i], true
}

// differs reports whether an instance has applied a value that is not the value of the
// key. If a digest is missing, the values count as equal.
func (r *Roster) differs(a *Applied) bool {
	return r.Digest != "" && a.Digest != "" && r.Digest != a.Digest
}
