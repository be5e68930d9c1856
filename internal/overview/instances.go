// Package overview is what an operator sees of a fleet: its instances, their hits, and its
// history. It is the same in the command and in the console.
package overview

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
)

// States lists the states in the order of the summary.
var States = []fleetdial.InstanceState{
	fleetdial.InstanceSynced, fleetdial.InstancePending, fleetdial.InstanceStale, fleetdial.InstanceRejected,
	fleetdial.InstanceNever, fleetdial.InstanceGone,
}

// Signer returns the key whose signature the instance verified.
func Signer(in fleetdial.Instance) string {
	if in.Report == nil || in.Report.Applied == nil {
		return ""
	}
	return in.Report.Applied.SignedBy
}

// Age returns how long ago an instance was seen, empty if that is not known.
func Age(roster fleetdial.Roster, in fleetdial.Instance) string {
	if in.LastSeen.IsZero() {
		return ""
	}
	return max(0, roster.Now.Sub(in.LastSeen)).Round(100 * time.Millisecond).String()
}

// Lag returns the time from publishing a revision until the instance applied it. An empty
// value has no time of publishing.
func Lag(applied *fleetdial.Applied) string {
	if applied.Version == 0 {
		return ""
	}
	return max(0, applied.At.Sub(applied.PublishedAt)).Round(time.Millisecond).String()
}

// Problem returns why an instance is not SYNCED, and whether it shares its name.
func Problem(in fleetdial.Instance) string {
	text := ""
	switch {
	case in.Err != nil:
		text = in.Err.Error()
	case in.Report == nil:
	case in.State == fleetdial.InstanceRejected:
		text = in.Report.Rejected.Error
	default:
		text = in.Report.Error
	}
	if in.Shared == "" {
		return text
	}
	shared := "the name " + in.Shared + " is used by two instances"
	if text == "" {
		return shared
	}
	return shared + "; " + text
}

// Labels returns labels in one line, in the order of their names.
func Labels(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ",")
}

// LiveInstances returns the instances of a roster that are not GONE.
func LiveInstances(roster fleetdial.Roster) []fleetdial.Instance {
	return slices.DeleteFunc(slices.Clone(roster.Instances), func(in fleetdial.Instance) bool {
		return in.State == fleetdial.InstanceGone
	})
}

// Concerns reports whether a directive is for the instance that wrote the report.
func Concerns(d fleetdial.Directive, r *fleetdial.Report) bool {
	return d.Instances.Include(r.ConfiguredName(), r.Labels)
}

// evaluates reports whether an instance evaluates a directive. An instance without a readable
// report evaluates those without instances, because its labels are not known.
func evaluates(in *fleetdial.Instance, d fleetdial.Directive) bool {
	if in.Report == nil {
		return d.Instances == nil
	}
	return Concerns(d, in.Report)
}

// worst lists the states from the one that needs attention most to the one that needs none.
var worst = []fleetdial.InstanceState{
	fleetdial.InstanceRejected, fleetdial.InstanceStale, fleetdial.InstanceNever, fleetdial.InstanceGone,
	fleetdial.InstancePending, fleetdial.InstanceSynced,
}

// WorstStates returns the states from the one that needs attention most to the one that needs none.
func WorstStates() []fleetdial.InstanceState { return slices.Clone(worst) }

// WorstFirst returns the instances in the order of worst and, within a state, of their names.
func WorstFirst(instances []fleetdial.Instance) []fleetdial.Instance {
	return slices.SortedStableFunc(slices.Values(instances), func(a, b fleetdial.Instance) int {
		return cmp.Compare(slices.Index(worst, a.State), slices.Index(worst, b.State))
	})
}
