package directive

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The limits of an instance's name and labels, and of the [Instances] of a directive.
const (
	// MaxInstanceBytes bounds the name of an instance.
	MaxInstanceBytes = 128
	// MaxLabels, MaxLabelBytes and MaxLabelValueBytes bound the labels.
	MaxLabels, MaxLabelBytes, MaxLabelValueBytes = 16, 64, 256
	// MaxInstanceNames bounds the names in Instances.
	MaxInstanceNames = 100
)

// Instances selects the instances that evaluate a directive. At least one field is set. An
// instance is selected if all fields that are set select it.
type Instances struct {
	// Names lists names of instances. It selects an instance whose name is in the list.
	Names []string
	// Labels selects an instance that has each of these labels with this value.
	Labels map[string]string
	// PerMille selects an instance if the [SampleBucket] of its name is below the number, 0
	// to 1000. A larger number therefore keeps the instances of a smaller one. Nil is unset.
	PerMille *int
}

// Include reports whether an instance with this name and these labels is selected. Nil
// Instances select every instance.
func (in *Instances) Include(name string, labels map[string]string) bool {
	if in == nil {
		return true
	}
	if in.Names != nil && !slices.Contains(in.Names, name) {
		return false
	}
	for label, want := range in.Labels {
		if have, ok := labels[label]; !ok || have != want {
			return false
		}
	}
	return in.PerMille == nil || SampleBucket(name) < *in.PerMille
}

// Equal reports whether both select by the same names, in any order, labels and share.
func (in *Instances) Equal(other *Instances) bool {
	if in == nil || other == nil {
		return in == other
	}
	samePerMille := in.PerMille == other.PerMille ||
		in.PerMille != nil && other.PerMille != nil && *in.PerMille == *other.PerMille
	return samePerMille && maps.Equal(in.Labels, other.Labels) &&
		slices.Equal(slices.Sorted(slices.Values(in.Names)), slices.Sorted(slices.Values(other.Names)))
}

// Clone returns a copy that shares nothing with in, not even the bytes of its strings. The copy
// of nil is nil.
func (in *Instances) Clone() *Instances {
	if in == nil {
		return nil
	}
	out := &Instances{Names: slices.Clone(in.Names)}
	rest := strings.Join(in.Names, "") // one string for all names
	for i, name := range in.Names {
		out.Names[i], rest = rest[:len(name)], rest[len(name):]
	}
	if in.Labels != nil {
		out.Labels = make(map[string]string, len(in.Labels))
		for name, value := range in.Labels {
			both := name + value
			out.Labels[both[:len(name)]] = both[len(name):]
		}
	}
	if in.PerMille != nil {
		perMille := *in.PerMille
		out.PerMille = &perMille
	}
	return out
}

// validate checks the fields. A path begins with "instances".
func (in *Instances) validate() *ValidationError {
	if in == nil {
		return nil
	}
	switch {
	case in.Names == nil && in.Labels == nil && in.PerMille == nil:
		return &ValidationError{"instances", "must have names, labels or per_mille"}
	case in.Names != nil && len(in.Names) == 0, len(in.Names) > MaxInstanceNames:
		return &ValidationError{"instances.names", fmt.Sprintf("holds %d, must be 1 to %d", len(in.Names), MaxInstanceNames)}
	case in.Labels != nil && len(in.Labels) == 0, len(in.Labels) > MaxLabels:
		return &ValidationError{"instances.labels", fmt.Sprintf("holds %d, must be 1 to %d", len(in.Labels), MaxLabels)}
	case in.PerMille != nil && (*in.PerMille < 0 || *in.PerMille > 1000):
		return &ValidationError{"instances.per_mille", "must be 0 to 1000"}
	}
	if err := checkInstanceNames(in.Names); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(in.Labels)) {
		if err := checkText("instances.labels", name, MaxLabelBytes); err != nil {
			err.Reason = "the name of a label " + err.Reason
			return err
		}
		if err := checkText("instances.labels", in.Labels[name], MaxLabelValueBytes); err != nil {
			err.Reason = "the value of a label " + err.Reason
			return err
		}
	}
	return nil
}

// checkInstanceNames checks each name, and that no name is repeated. A hundred names are
// searched only if the bucket of a name is that of an earlier one, because a set may have many
// lists of names.
func checkInstanceNames(names []string) *ValidationError {
	var seen [1000/64 + 1]uint64 // a bit for each bucket
	for i, name := range names {
		reason := CheckInstance(name)
		bucket := SampleBucket(name)
		if bit := uint64(1) << (bucket % 64); seen[bucket/64]&bit == 0 {
			seen[bucket/64] |= bit
		} else if first := slices.Index(names, name); first < i {
			reason = fmt.Sprintf("is the same as names[%d]", first)
		}
		if reason != "" {
			return &ValidationError{fmt.Sprintf("instances.names[%d]", i), reason}
		}
	}
	return nil
}

// CheckInstance returns why a name is not the name of an instance, or an empty text.
func CheckInstance(name string) (reason string) {
	if name == "" || len(name) > MaxInstanceBytes {
		return fmt.Sprintf("must be 1 to %d bytes", MaxInstanceBytes)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' {
			return "must be printable ASCII without spaces"
		}
	}
	return ""
}

// ForInstance returns the set that an instance with this name and these labels evaluates. It
// has the directives whose [Instances] select the instance, and those without Instances. It is
// s itself if no directive has Instances.
//
// A set that was not made for an instance applies no directive with Instances.
func (s *Set) ForInstance(name string, labels map[string]string) *Set {
	if s == nil || len(s.directives.details) == 0 {
		return s
	}
	keep := make([]int, 0, s.Len())
	for i := range s.Len() {
		if s.directives.detail(i).instances.Include(name, labels) {
			keep = append(keep, i)
		}
	}
	local := &Set{directives: s.directives.subset(keep), anchor: s.anchor.subset(keep), local: true}
	local.compile()
	local.meters = newMeters(local)
	return local
}
