package fleetdial

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

func testRevision(t testing.TB, directives ...Directive) Revision {
	t.Helper()
	set, err := NewSet(directives)
	require.NoError(t, err)
	return Revision{
		Version: 7, ID: wire.NewID(), PublishedAt: time.UnixMilli(time.Now().UnixMilli()),
		PublishedBy: "ops", Reason: "a slow search", Set: set,
	}
}

// fullSet returns as many directives as a set can hold, which take nearly 4 MiB.
func fullSet() []Directive {
	all := make([]Directive, MaxDirectives)
	for i := range all {
		all[i] = Directive{
			ID: fmt.Sprintf("d%05d", i), Level: Shape, SamplePerMille: 1000, ExpiresAt: time.Now().Add(time.Hour),
			Match: Match{Tenant: strings.Repeat("t", 256), Index: strings.Repeat("i", 60)},
		}
	}
	return all
}

func TestEncodeRevision_DecodesToSame(t *testing.T) {
	t.Parallel()
	valid := func(id string, expiresAt time.Time) Directive {
		return Directive{
			ID: id, Level: ShapeTiming, SamplePerMille: 10, ExpiresAt: expiresAt, RingBuffer: true, Capture: true,
			Match: Match{Tenant: "acme", Index: "orders", Principal: "p", Endpoint: Search},
		}
	}
	for name, rev := range map[string]Revision{
		"empty":       testRevision(t),
		"expired":     testRevision(t, valid("a", time.UnixMilli(1)), valid("b", time.Now().Add(-time.Hour).Truncate(time.Millisecond))),
		"a long life": testRevision(t, valid("a", time.UnixMilli(directive.MaxMillis))),
		"a full set":  testRevision(t, fullSet()...),
		"from the future": func() Revision {
			rev := testRevision(t, valid("a", time.Now().Add(time.Hour)))
			rev.PublishedAt = time.UnixMilli(directive.MaxMillis)
			return rev
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value, err := EncodeRevision(rev)
			require.NoError(t, err)
			back, err := DecodeRevision(value)
			require.NoError(t, err)
			assertSameDirectives(t, rev.Set, back.Set)
			back.Set = rev.Set
			assert.Equal(t, rev, back)
		})
	}
}

// assertSameDirectives compares the directives one by one, because the times of equal
// directives may differ in their location.
func assertSameDirectives(t testing.TB, want, got *Set) {
	t.Helper()
	a, b := want.Directives(), got.Directives()
	require.Len(t, b, len(a))
	for i := range a {
		require.True(t, a[i].Equal(b[i]), "directive %d: want %+v, got %+v", i, a[i], b[i])
	}
}

// TestEncodeRevision_LargestValue encodes a value of 4 MiB, and rejects one byte more.
func TestEncodeRevision_LargestValue(t *testing.T) {
	t.Parallel()
	rev := testRevision(t, fullSet()...)
	value, err := EncodeRevision(rev)
	require.NoError(t, err)
	all := rev.Set.Directives()
	for i, missing := 0, MaxValueBytes-len(value); missing > 0; i++ {
		more := min(missing, 20) // the head of an id of up to 31 bytes has one byte
		all[i].ID += strings.Repeat("x", more)
		missing -= more
	}
	rev.Set, err = NewSet(all)
	require.NoError(t, err)
	value, err = EncodeRevision(rev)
	require.NoError(t, err)
	require.Len(t, value, MaxValueBytes)
	back, err := DecodeRevision(value)
	require.NoError(t, err)
	assertSameDirectives(t, rev.Set, back.Set)
	rev.Reason += "r"
	_, err = EncodeRevision(rev)
	invalid := new(ValidationError)
	require.ErrorAs(t, err, &invalid)
	assert.Contains(t, err.Error(), "the limit is 4194304")
}

func TestEncodeRevision_InvalidField(t *testing.T) {
	t.Parallel()
	for path, change := range map[string]func(*Revision){
		"id":           func(r *Revision) { r.ID = strings.ToUpper(r.ID[:31] + "a") },
		"version":      func(r *Revision) { r.Version = 0 },
		"published_at": func(r *Revision) { r.PublishedAt = time.Time{} },
		"publisher":    func(r *Revision) { r.PublishedBy = strings.Repeat("a", 257) },
		"reason":       func(r *Revision) { r.Reason = "\xff" },
		"signed_by":    func(r *Revision) { r.Verified = true },
	} {
		rev := testRevision(t)
		change(&rev)
		_, err := EncodeRevision(rev)
		invalid := new(ValidationError)
		require.ErrorAs(t, err, &invalid, path)
		assert.Equal(t, path, invalid.Path)
	}
	rev := testRevision(t)
	rev.SignedBy = "0123456789abcdef"
	_, err := EncodeRevision(rev)
	require.Error(t, err, "the signature would be lost")
}

func TestEncodeRevision_NilSetIsEmpty(t *testing.T) {
	t.Parallel()
	rev := testRevision(t)
	rev.Set = nil
	value, err := EncodeRevision(rev)
	require.NoError(t, err)
	back, err := DecodeRevision(value)
	require.NoError(t, err)
	require.NotNil(t, back.Set)
	assert.Zero(t, back.Set.Len())
}
