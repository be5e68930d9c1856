package fleetdial

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

// publishLong publishes a revision whose header holds no directive.
func publishLong(t testing.TB, p *Publisher, ids ...string) Revision {
	t.Helper()
	rev, err := p.Publish(t.Context(), setOf(t, ids...), PublishOptions{Reason: strings.Repeat("r", wire.HeaderBytes)})
	require.NoError(t, err)
	return rev
}

// alter changes the key's value, and keeps its header.
func (f *fleet) alter(t testing.TB, change func(value []byte) []byte) {
	t.Helper()
	before := f.holds(t)
	after := change(bytes.Clone(before))
	require.NotEqual(t, before, after)
	require.Equal(t, before[:wire.HeaderBytes], after[:wire.HeaderBytes])
	f.set(t, after)
}

// TestSubscriber_AlteredValueIsNoticed changes the value of a key, and keeps its header.
func TestSubscriber_AlteredValueIsNoticed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alter func(value []byte) []byte
		state State
		ids   []string
	}{
		"truncated": {func(v []byte) []byte { return v[:len(v)-1] }, StateRejected, []string{"first"}},
		"extended":  {func(v []byte) []byte { return append(v, 0) }, StateRejected, []string{"first"}},
		"another set": {func(v []byte) []byte {
			return bytes.Replace(v, []byte("first"), []byte("other"), 1)
		}, StateLive, []string{"other"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, often)
			publishLong(t, f.pub, "first")
			eventually(t, f.sub, "first")
			f.state(t, StateLive)
			f.alter(t, c.alter)
			if c.state == StateLive {
				eventually(t, f.sub, c.ids...)
			}
			f.state(t, c.state)
			assert.Equal(t, c.ids, idsOf(f.sub))
			assert.EqualValues(t, 1, f.sub.Status().Revision.Version)
			assert.Zero(t, f.sub.Status().Counters.Corrections)
		})
	}
}

// TestRoster_ShowsAnotherValueUnderTheID has an instance apply another value than the key's.
func TestRoster_ShowsAnotherValueUnderTheID(t *testing.T) {
	t.Parallel()
	f := newFleet(t, func(cfg *SubscriberConfig) { cfg.Instance, cfg.ReportInterval = "a", DefaultReportInterval })
	rev := publishLong(t, f.pub, "first")
	eventually(t, f.sub, "first")
	var roster Roster
	becomes := func(want InstanceState) Instance {
		t.Helper()
		var err error
		testutil.Eventually(t, within, "the instance is "+string(want), func() bool {
			roster, err = f.pub.Roster(t.Context())
			return err == nil && len(roster.Instances) == 1 && roster.Instances[0].State == want
		})
		return roster.Instances[0]
	}
	require.NoError(t, becomes(InstanceSynced).Err)
	f.alter(t, func(v []byte) []byte { return bytes.Replace(v, []byte("first"), []byte("other"), 1) })
	in := becomes(InstanceStale)
	assert.ErrorContains(t, in.Err, "another value under the id of the current revision")
	assert.Equal(t, rev.ID, in.Report.Applied.ID)
	assert.NotEqual(t, roster.Digest, in.Report.Applied.Digest)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	status, err := f.pub.Wait(ctx, rev, roster, WaitOptions{})
	require.ErrorIs(t, err, ErrWaitIncomplete)
	assert.Zero(t, status.Applied)
	require.Len(t, status.Pending, 1)
	assert.ErrorContains(t, status.Pending[0].Err, "another value")

	require.NoError(t, f.sub.Refresh(t.Context())) // the header is the same
	assert.Equal(t, []string{"first"}, idsOf(f.sub))
	publish(t, f.pub, "second")
	require.NoError(t, becomes(InstanceSynced).Err)
}
