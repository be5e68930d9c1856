package review

import (
	"fmt"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// Unexpired returns the directives that have not expired, and the number of the others.
func Unexpired(all []fleetdial.Directive, now time.Time) (kept []fleetdial.Directive, expired int) {
	for _, d := range all {
		if d.ExpiresAt.After(now) {
			kept = append(kept, d)
		} else {
			expired++
		}
	}
	return kept, expired
}

// Replace replaces the directive with the id of d, or appends d.
func Replace(all []fleetdial.Directive, d fleetdial.Directive) []fleetdial.Directive {
	for i := range all {
		if all[i].ID == d.ID {
			all[i] = d
			return all
		}
	}
	return append(all, d)
}

// Extend returns the set with a new end of the directives with these ids and without other
// expired directives, and the number of the expired directives.
func Extend(set *fleetdial.Set, ids []string, now, end time.Time) (*fleetdial.Set, int, error) {
	all := set.Directives()
	for _, id := range ids {
		i := slices.IndexFunc(all, func(d fleetdial.Directive) bool { return d.ID == id })
		if i < 0 {
			return nil, 0, notInSet(id, set)
		}
		all[i].ExpiresAt = end
	}
	kept, expired := Unexpired(all, now)
	out, err := fleetdial.NewSet(kept)
	return out, expired, err
}

// UnknownIDError is the error of [Extend] and [Remove] for an id that no directive of the set has.
type UnknownIDError struct{ text string }

// Error names the id, and the id that may be meant.
func (e *UnknownIDError) Error() string { return e.text }

func notInSet(id string, set *fleetdial.Set) error {
	return &UnknownIDError{fmt.Sprintf("directive %s: not in the set%s; nothing was written",
		plain.Quoted(id), plain.Hint(id, IDs(set)))}
}

// Remove returns the set without the directives with these ids and without expired
// directives, and the number of the expired directives.
func Remove(set *fleetdial.Set, ids []string, now time.Time) (*fleetdial.Set, int, error) {
	all := set.Directives()
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(d fleetdial.Directive) bool { return d.ID == id }) {
			return nil, 0, notInSet(id, set)
		}
	}
	kept, expired := Unexpired(slices.DeleteFunc(all, func(d fleetdial.Directive) bool {
		return slices.Contains(ids, d.ID)
	}), now)
	rest, err := fleetdial.NewSet(kept)
	return rest, expired, err
}

// IDs returns the ids of the directives of a set.
func IDs(set *fleetdial.Set) (ids []string) {
	for _, d := range set.Directives() {
		ids = append(ids, d.ID)
	}
	return ids
}

// Merge returns the current set without expired directives, in which the directives of the
// body replace those with the same ids, and are added otherwise.
func Merge(current, body *fleetdial.Set, now time.Time) (*fleetdial.Set, error) {
	all, _ := Unexpired(current.Directives(), now)
	for _, d := range body.Directives() {
		if i := slices.IndexFunc(all, func(other fleetdial.Directive) bool { return other.ID == d.ID }); i >= 0 {
			all[i] = d
		} else {
			all = append(all, d)
		}
	}
	return fleetdial.NewSet(all)
}
