package directive

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDiffSets_AddedRemovedChanged(t *testing.T) {
	t.Parallel()
	later := noon.Add(2 * time.Hour)
	from := newSet(t, dir("same", nil), dir("gone", nil), dir("changed", nil))
	to := newSet(t, dir("new", nil), dir("changed", func(d *Directive) {
		d.Level, d.ExpiresAt, d.Match.Tenant = ShapeTiming, later, "acme"
	}), dir("same", nil))
	diff := DiffSets(from, to)
	require.Equal(t, 3, diff.Len())
	require.Equal(t, "new", diff.Added[0].ID)
	require.Equal(t, "gone", diff.Removed[0].ID)
	require.Equal(t, []Field{FieldLevel, FieldTenant, FieldExpiresAt}, diff.Changed[0].Fields())

	require.Zero(t, DiffSets(from, from).Len())
	require.Zero(t, DiffSets(nil, new(Set)).Len())
	require.Len(t, DiffSets(from, nil).Removed, 3)
	require.Len(t, DiffSets(nil, from).Added, 3)
}

// TestDiffSets_TurnsOneSetIntoTheOther applies the differences of random sets, and checks
// that every change names a field.
func TestDiffSets_TurnsOneSetIntoTheOther(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 3))
	for range 2000 {
		from, to := newSet(t, randomSet(r, 20)...), newSet(t, randomSet(r, 20)...)
		got := make(map[string]Directive)
		for _, d := range from.Directives() {
			got[d.ID] = d
		}
		diff := DiffSets(from, to)
		for _, d := range diff.Removed {
			delete(got, d.ID)
		}
		for _, d := range diff.Added {
			assert.NotContains(t, got, d.ID)
			got[d.ID] = d
		}
		for _, c := range diff.Changed {
			require.NotEmpty(t, c.Fields(), fmt.Sprint(c))
			require.Equal(t, got[c.Before.ID], c.Before)
			got[c.After.ID] = c.After
		}
		want := make(map[string]Directive)
		for _, d := range to.Directives() {
			want[d.ID] = d
		}
		require.Equal(t, want, got, "seed %d", seed)
	}
}
