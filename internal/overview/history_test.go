package overview

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// entry returns the entry of a version that an author published, with directives with these ids.
func entry(t *testing.T, version int64, author string, ids ...string) fleetdial.HistoryEntry {
	t.Helper()
	var all []fleetdial.Directive
	for _, id := range ids {
		all = append(all, fleetdial.Directive{ID: id, Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: time.UnixMilli(1_700_000_000_000)})
	}
	set, err := fleetdial.NewSet(all)
	require.NoError(t, err)
	return fleetdial.HistoryEntry{Revision: fleetdial.Revision{
		Version: version, ID: fmt.Sprint("id-", version), PublishedBy: author, Reason: fmt.Sprint("reason ", version), Set: set,
	}}
}

func TestEarlier(t *testing.T) {
	t.Parallel()
	history := []fleetdial.HistoryEntry{entry(t, 3, "ann"), entry(t, 2, "bob"), entry(t, 1, "ann")}
	for name, c := range map[string]struct {
		current string
		want    []int64
	}{
		"newest":                 {"id-3", []int64{2, 1}},
		"older":                  {"id-2", []int64{1}},
		"oldest":                 {"id-1", nil},
		"no revision":            {"", []int64{3, 2, 1}},
		"not in the history yet": {"id-4", []int64{3, 2, 1}},
	} {
		var got []int64
		for _, e := range Earlier(history, fleetdial.Revision{ID: c.current}) {
			got = append(got, e.Revision.Version)
		}
		assert.Equal(t, c.want, got, name)
	}
	assert.Empty(t, Earlier(nil, fleetdial.Revision{ID: "id-1"}))
}

func TestChanges_KnownOnlyWithTheRevisionBefore(t *testing.T) {
	t.Parallel()
	damaged := entry(t, 3, "bob")
	damaged.Err = errors.New("damaged")
	known := func(entries ...fleetdial.HistoryEntry) (known []bool) {
		for _, c := range Changes(entries) {
			known = append(known, c.Known)
			assert.True(t, c.Known || c.Diff.Len() == 0, "version %d", c.Revision.Version)
		}
		return known
	}
	assert.Equal(t, []bool{true, true}, known(entry(t, 2, "ann"), entry(t, 1, "ann", "a")))
	assert.Equal(t, []bool{true, false}, known(entry(t, 3, "ann", "a"), entry(t, 2, "ann")), "version 1 is no longer in the history")
	assert.Equal(t, []bool{false, false, true, true},
		known(entry(t, 4, "ann", "a"), damaged, entry(t, 2, "ann", "a"), entry(t, 1, "ann")))
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	damaged := entry(t, 2, "bob")
	damaged.Err = errors.New("damaged")
	by := func(author string, version int64) Origin {
		return Origin{By: author, Version: version, Reason: fmt.Sprint("reason ", version)}
	}
	for name, c := range map[string]struct {
		current int64
		history []fleetdial.HistoryEntry
		want    map[string]Origin
	}{
		"each author": {
			2,
			[]fleetdial.HistoryEntry{entry(t, 2, "bob", "a", "b"), entry(t, 1, "ann", "a")},
			map[string]Origin{"a": by("ann", 1), "b": by("bob", 2)},
		},
		"added again": {
			3,
			[]fleetdial.HistoryEntry{entry(t, 3, "bob", "a"), entry(t, 2, "ann"), entry(t, 1, "ann", "a")},
			map[string]Origin{"a": by("bob", 3)},
		},
		"later revisions do not count": {
			1,
			[]fleetdial.HistoryEntry{entry(t, 2, "bob", "a", "b"), entry(t, 1, "ann", "a")},
			map[string]Origin{"a": by("ann", 1)},
		},
		"truncated": {
			5,
			[]fleetdial.HistoryEntry{entry(t, 5, "bob", "a", "b"), entry(t, 4, "ann", "a")},
			map[string]Origin{"b": by("bob", 5)},
		},
		"a damaged entry hides what is before": {
			4,
			[]fleetdial.HistoryEntry{
				entry(t, 4, "ann", "a", "b"), entry(t, 3, "ann", "a"), damaged, entry(t, 1, "ann", "a"),
			},
			map[string]Origin{"b": by("ann", 4)},
		},
		"not in the history": {9, []fleetdial.HistoryEntry{entry(t, 1, "ann", "a")}, nil},
		"no revision":        {0, []fleetdial.HistoryEntry{entry(t, 1, "ann", "a")}, nil},
	} {
		current := fleetdial.Revision{Version: c.current, ID: fmt.Sprint("id-", c.current)}
		assert.Equal(t, c.want, Origins(current, c.history), name)
	}
}

func TestVersionsHeld(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "the history holds version 7", VersionsHeld([]fleetdial.HistoryEntry{entry(t, 7, "ann")}))
	assert.Equal(t, "the history holds versions 6 to 7", VersionsHeld([]fleetdial.HistoryEntry{entry(t, 7, "ann"), entry(t, 6, "ann")}))
}
