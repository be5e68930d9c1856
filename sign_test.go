package fleetdial

import (
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

func TestSign_VersionAboveAppliedVersions(t *testing.T) {
	t.Parallel()
	key, public := newKey(t)
	f := newFleet(t, func(cfg *SubscriberConfig) {
		cfg.VerifyKeys, cfg.ReportInterval, cfg.Instance = []ed25519.PublicKey{public}, DefaultReportInterval, "web"
	})
	f.pub = newTestPublisher(t, f.client, PublisherConfig{SignKey: key})
	for range 5 {
		publish(t, f.pub, "a")
	}
	testutil.Eventually(t, within, "the roster has version 5", func() bool {
		roster, err := f.pub.Roster(t.Context())
		return err == nil && len(roster.Instances) == 1 && roster.Instances[0].State == InstanceSynced
	})
	// Redis loses all but the roster.
	require.NoError(t, f.client.Del(t.Context(), testKey, testKey+":history").Err())
	rev, err := f.pub.Publish(t.Context(), setOf(t, "b"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 6, rev.Version)
	eventually(t, f.sub, "b")

	// Redis loses the roster too. The next revision is rejected. The instance reports
	// that, and the version after it is above.
	require.NoError(t, f.client.FlushAll(t.Context()).Err())
	rev, err = f.pub.Publish(t.Context(), setOf(t, "c"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rev.Version)
	testutil.Eventually(t, within, "the instance reports the rejection", func() bool {
		roster, err := f.pub.Roster(t.Context())
		return err == nil && len(roster.Instances) == 1 && roster.Instances[0].State == InstanceRejected
	})
	publish(t, f.pub, "d")
	eventually(t, f.sub, "d")
}

func TestSign_ForgedReportDoesNotUseUpVersions(t *testing.T) {
	t.Parallel()
	f, _, _ := signedFleet(t)
	f.reports(t, wire.Report{
		Instance: "forger", State: "live", Applied: &wire.Applied{Version: directive.MaxMillis - 1, ID: wire.NewID()},
	})
	f.set(t, value(t, directive.MaxMillis, setOf(t, "evil")))
	rev, err := f.pub.Publish(t.Context(), setOf(t, "a"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rev.Version)
	eventually(t, f.sub, "a")
	f.client.Del(t.Context(), testKey+":fleet")
	f.client.Set(t.Context(), testKey+":fleet", "of another type", 0)
	publish(t, f.pub, "b")
	eventually(t, f.sub, "b")
}

func TestSign_ForgedReportDoesNotLockFleetWithoutKey(t *testing.T) {
	t.Parallel()
	f, _, _ := signedFleet(t)
	publish(t, f.pub, "a")
	claim := func(version int64) {
		f.reports(t, wire.Report{Instance: "web", State: "live", Applied: &wire.Applied{Version: version, ID: wire.NewID()}})
	}
	claim(maxAhead + 2)
	publish(t, f.pub, "a", "b")
	eventually(t, f.sub, "a", "b")
	require.EqualValues(t, 2, f.sub.Status().Revision.Version, "the reported version is too far ahead")
	claim(maxAhead + 2)
	publish(t, f.pub, "b")
	eventually(t, f.sub, "b")
	require.EqualValues(t, maxAhead+3, f.sub.Status().Revision.Version)
	require.NoError(t, f.client.Del(t.Context(), testKey+":fleet").Err())

	f.set(t, nil)
	publish(t, f.pub, "c")
	eventually(t, f.sub, "c")
	f.set(t, value(t, 1, setOf(t, "evil")))
	publish(t, f.pub, "d")
	eventually(t, f.sub, "d")

	// Without the history, only the roster tells the last version.
	require.NoError(t, f.client.FlushAll(t.Context()).Err())
	claim(f.sub.Status().Revision.Version)
	publish(t, f.pub, "e")
	eventually(t, f.sub, "e")
}

func TestUpdate_UnsignedRevision(t *testing.T) {
	t.Parallel()
	f, key, second := signedFleet(t)
	keep := func(rev Revision) (*Set, error) { return rev.Set, nil }
	_, err := f.pub.Update(t.Context(), keep, PublishOptions{})
	require.NoError(t, err, "there is no current revision")
	f.set(t, value(t, 7, setOf(t, "evil")))
	_, err = f.pub.Update(t.Context(), keep, PublishOptions{})
	require.ErrorIs(t, err, ErrUnverified)
	assert.ErrorContains(t, err, "version 7 is signed by nobody")
	require.NoError(t, f.client.LPush(t.Context(), testKey+":history", f.holds(t)).Err())
	_, _, err = f.pub.Rollback(t.Context(), 7, RollbackOptions{})
	require.ErrorIs(t, err, ErrUnverified)
	assert.Empty(t, idsOf(f.sub))

	// A publisher builds on revisions of every key that it trusts.
	publish(t, newTestPublisher(t, f.client, PublisherConfig{SignKey: second}), "b")
	_, err = f.pub.Update(t.Context(), keep, PublishOptions{})
	require.ErrorIs(t, err, ErrUnverified)
	both := newTestPublisher(t, f.client, PublisherConfig{SignKey: key, VerifyKeys: []ed25519.PublicKey{second.Public().(ed25519.PublicKey)}})
	rev, err := both.Update(t.Context(), keep, PublishOptions{})
	require.NoError(t, err)
	assert.True(t, rev.Verified)
	eventually(t, f.sub, "b")
	entries, err := both.History(t.Context())
	require.NoError(t, err)
	assert.True(t, entries[0].Revision.Verified)
	assert.False(t, entries[2].Revision.Verified)
}

func TestSign_WrongKeys(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	_, err := NewPublisher(server.Client(t), PublisherConfig{SignKey: make([]byte, 3)})
	require.ErrorContains(t, err, "3 bytes")
	cfg := testConfig()
	cfg.VerifyKeys = []ed25519.PublicKey{nil}
	_, err = Subscribe(t.Context(), server.Client(t), cfg)
	require.ErrorContains(t, err, "verify key 0: has 0 bytes")
}
