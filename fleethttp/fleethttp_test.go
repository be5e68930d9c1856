package fleethttp_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fleetdial/fleetdial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// storeOf returns a store with these directives. It sets the sample to all requests, and
// the default expiry to one hour from now.
func storeOf(t testing.TB, directives ...fleetdial.Directive) *fleetdial.Memory {
	t.Helper()
	for i := range directives {
		d := &directives[i]
		d.SamplePerMille = 1000
		if d.ExpiresAt.IsZero() {
			d.ExpiresAt = time.Now().Add(time.Hour)
		}
	}
	set, err := fleetdial.NewSet(directives)
	require.NoError(t, err)
	store := fleetdial.NewMemory()
	store.Publish(set)
	return store
}
