package review

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// setOf returns a set of directives with these ids and ends.
func setOf(t *testing.T, ends map[string]time.Time, ids ...string) *fleetdial.Set {
	t.Helper()
	var all []fleetdial.Directive
	for _, id := range ids {
		all = append(all, fleetdial.Directive{ID: id, Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: ends[id]})
	}
	set, err := fleetdial.NewSet(all)
	require.NoError(t, err)
	return set
}

func TestExtend_SetsTheEnd(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	end := now.Add(time.Minute)
	ends := map[string]time.Time{"a": end, "b": end, "over": now, "over-too": now.Add(-time.Hour)}
	set := setOf(t, ends, "a", "over", "b", "over-too")

	same, expired, err := Extend(setOf(t, ends, "a", "b"), []string{"a", "a"}, now, end)
	require.NoError(t, err)
	assert.Zero(t, expired)
	assert.Zero(t, fleetdial.DiffSets(setOf(t, ends, "a", "b"), same).Len())

	again, expired, err := Extend(set, []string{"over", "b"}, now, end.Add(time.Second))
	require.NoError(t, err)
	assert.Equal(t, 1, expired)
	ends["over"], ends["b"] = end.Add(time.Second), end.Add(time.Second)
	assert.Zero(t, fleetdial.DiffSets(setOf(t, ends, "a", "over", "b"), again).Len(), "a directive that has expired begins again")

	_, _, err = Extend(set, []string{"a", "bb"}, now, end)
	require.EqualError(t, err, `directive "bb": not in the set; nothing was written`)
	assert.IsType(t, new(UnknownIDError), err)
}

func TestRemove_LeavesOutExpired(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	ends := map[string]time.Time{"a": now.Add(time.Second), "b": now.Add(time.Millisecond), "over": now}
	set := setOf(t, ends, "a", "over", "b")
	rest, expired, err := Remove(set, []string{"a"}, now)
	require.NoError(t, err)
	assert.Equal(t, []string{"b"}, IDs(rest))
	assert.Equal(t, 1, expired)
	rest, expired, err = Remove(set, []string{"over"}, now)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, IDs(rest))
	assert.Zero(t, expired, "the directive was removed, not left out")
	_, _, err = Remove(set, []string{"a", "c"}, now)
	require.Error(t, err)
}

func TestMerge_ReplacesInPlace(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	ends := map[string]time.Time{"a": now.Add(time.Minute), "b": now.Add(time.Minute), "over": now, "new": now.Add(time.Hour)}
	current := setOf(t, ends, "over", "a", "b")
	ends["a"] = now.Add(time.Hour)
	merged, err := Merge(current, setOf(t, ends, "new", "a"), now)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "new"}, IDs(merged))
	assert.True(t, merged.Directives()[0].ExpiresAt.Equal(ends["a"]))
}
