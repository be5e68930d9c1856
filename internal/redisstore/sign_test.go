package redisstore

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
	"github.com/fleetdial/fleetdial/testutil"
)

func newKey(t testing.TB) (ed25519.PrivateKey, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	return private, public
}

// signedFleet is a fleet whose subscriber believes two keys, and whose publisher has the first of them.
func signedFleet(t *testing.T) (f *fleet, first, second ed25519.PrivateKey) {
	t.Helper()
	first, firstPublic := newKey(t)
	second, secondPublic := newKey(t)
	f = newFleet(t, func(cfg *SubscriberConfig) { cfg.VerifyKeys = []ed25519.PublicKey{firstPublic, secondPublic} })
	f.pub = newPublisher(t, f.client, PublisherConfig{SignKey: first})
	return f, first, second
}

// refuses waits until what the key holds is refused for that reason.
func (f *fleet) refuses(t testing.TB, reason RejectReason) {
	t.Helper()
	before := f.sub.Status().Counters.Rejections[reason]
	require.Error(t, f.sub.Refresh(t.Context()))
	status := f.sub.Status()
	require.Equal(t, StateRejected, status.State)
	require.Equal(t, reason, status.Rejected.Reason)
	require.Equal(t, before+1, status.Counters.Rejections[reason])
}

func (f *fleet) holds(t testing.TB) []byte {
	t.Helper()
	b, err := f.client.Get(t.Context(), testKey).Bytes()
	require.NoError(t, err)
	return b
}

func TestP3ASignedFleetTakesOnlyWhatIsSigned(t *testing.T) {
	t.Parallel()
	f, _, second := signedFleet(t)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	first := f.holds(t)
	publish(t, newPublisher(t, f.client, PublisherConfig{SignKey: second}), "b")
	eventually(t, f.sub, "b")
	good := f.holds(t)

	f.set(t, value(t, 3, setOf(t, "evil")))
	f.refuses(t, RejectUnsigned)
	f.set(t, nil)
	f.refuses(t, RejectUnsigned)
	stranger, _ := newKey(t)
	_, err := newPublisher(t, f.client, PublisherConfig{SignKey: stranger}).Publish(t.Context(), setOf(t, "evil"), PublishOptions{})
	require.NoError(t, err)
	f.refuses(t, RejectUnknownKey)
	altered := bytes.Clone(good)
	altered[len(altered)-wire.SealBytes-1] ^= 1
	f.set(t, altered)
	f.refuses(t, RejectAltered)
	f.set(t, first)
	f.refuses(t, RejectReplayed)
	require.NoError(t, f.client.Del(t.Context(), testKey).Err())
	require.NoError(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, []string{"b"}, idsOf(f.sub))

	f.set(t, good)
	require.NoError(t, f.sub.Refresh(t.Context()))
	f.state(t, StateLive)
	assert.True(t, f.sub.Status().Revision.Verified)
}

func TestWhatWasSignedForAnotherFleetIsRefused(t *testing.T) {
	t.Parallel()
	f, key, _ := signedFleet(t)
	other := newPublisher(t, f.client, PublisherConfig{Fleet: "test", SignKey: key})
	publish(t, other, "a")
	b, err := f.client.Get(t.Context(), "fleetdial:{test}").Bytes()
	require.NoError(t, err)
	f.set(t, b)
	f.refuses(t, RejectAltered)
}

func TestASignedRefusalIsToldOnce(t *testing.T) {
	t.Parallel()
	f, _, _ := signedFleet(t)
	f.set(t, value(t, 1, setOf(t, "evil")))
	f.refuses(t, RejectUnsigned)
	for range 3 {
		require.Error(t, f.sub.Refresh(t.Context()))
	}
	assert.EqualValues(t, 1, f.sub.Status().Counters.Rejections[RejectUnsigned])
	assert.Equal(t, 1, f.log.lines("refused"))
}

func TestTheVersionOfASignedFleetIsAboveAllThatWereApplied(t *testing.T) {
	t.Parallel()
	key, public := newKey(t)
	f := newFleet(t, func(cfg *SubscriberConfig) {
		cfg.VerifyKeys, cfg.ReportInterval, cfg.Instance = []ed25519.PublicKey{public}, DefaultReportInterval, "web"
	})
	f.pub = newPublisher(t, f.client, PublisherConfig{SignKey: key})
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

	// It loses the roster too: what is published next is refused, and says so, and the one after that is above.
	require.NoError(t, f.client.FlushAll(t.Context()).Err())
	rev, err = f.pub.Publish(t.Context(), setOf(t, "c"), PublishOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, rev.Version)
	testutil.Eventually(t, within, "the roster tells", func() bool {
		roster, err := f.pub.Roster(t.Context())
		return err == nil && len(roster.Instances) == 1 && roster.Instances[0].State == InstanceRejected
	})
	publish(t, f.pub, "d")
	eventually(t, f.sub, "d")
}

func TestALyingRosterDoesNotUseUpTheVersions(t *testing.T) {
	t.Parallel()
	f, _, _ := signedFleet(t)
	f.reports(t, wire.Report{
		Instance: "liar", State: "live", Applied: &wire.Applied{Version: directive.MaxMillis - 1, ID: wire.NewID()},
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

func TestALieThatWasBelievedDoesNotLockAFleetThatLosesItsKey(t *testing.T) {
	t.Parallel()
	f, _, _ := signedFleet(t)
	publish(t, f.pub, "a")
	claim := func(version int64) {
		f.reports(t, wire.Report{Instance: "web", State: "live", Applied: &wire.Applied{Version: version, ID: wire.NewID()}})
	}
	claim(maxClaim + 2)
	publish(t, f.pub, "a", "b")
	eventually(t, f.sub, "a", "b")
	require.EqualValues(t, 2, f.sub.Status().Revision.Version, "too much to be believed")
	claim(maxClaim + 2)
	publish(t, f.pub, "b")
	eventually(t, f.sub, "b")
	require.EqualValues(t, maxClaim+3, f.sub.Status().Revision.Version)
	require.NoError(t, f.client.Del(t.Context(), testKey+":fleet").Err())

	f.set(t, nil)
	publish(t, f.pub, "c")
	eventually(t, f.sub, "c")
	f.set(t, value(t, 1, setOf(t, "evil")))
	publish(t, f.pub, "d")
	eventually(t, f.sub, "d")

	// With the history gone too, it is the roster alone that tells.
	require.NoError(t, f.client.FlushAll(t.Context()).Err())
	claim(f.sub.Status().Revision.Version)
	publish(t, f.pub, "e")
	eventually(t, f.sub, "e")
}

func TestNothingIsBuiltOnWhatNobodySigned(t *testing.T) {
	t.Parallel()
	f, key, second := signedFleet(t)
	keep := func(rev wire.Revision) (*directive.Set, error) { return rev.Set, nil }
	_, err := f.pub.Update(t.Context(), keep, PublishOptions{})
	require.NoError(t, err, "nothing is there")
	f.set(t, value(t, 7, setOf(t, "evil")))
	_, err = f.pub.Update(t.Context(), keep, PublishOptions{})
	require.ErrorIs(t, err, ErrUnverified)
	assert.ErrorContains(t, err, "version 7 is signed by nobody")
	require.NoError(t, f.client.LPush(t.Context(), testKey+":history", f.holds(t)).Err())
	_, _, err = f.pub.Rollback(t.Context(), 7, RollbackOptions{})
	require.ErrorIs(t, err, ErrUnverified)
	assert.Empty(t, idsOf(f.sub))

	// By another key of the fleet, it may be.
	publish(t, newPublisher(t, f.client, PublisherConfig{SignKey: second}), "b")
	_, err = f.pub.Update(t.Context(), keep, PublishOptions{})
	require.ErrorIs(t, err, ErrUnverified)
	both := newPublisher(t, f.client, PublisherConfig{SignKey: key, VerifyKeys: []ed25519.PublicKey{second.Public().(ed25519.PublicKey)}})
	rev, err := both.Update(t.Context(), keep, PublishOptions{})
	require.NoError(t, err)
	assert.True(t, rev.Verified)
	eventually(t, f.sub, "b")
	entries, err := both.History(t.Context())
	require.NoError(t, err)
	assert.True(t, entries[0].Revision.Verified)
	assert.False(t, entries[2].Revision.Verified)
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	_, err := NewPublisher(server.Client(t), PublisherConfig{SignKey: make([]byte, 3)})
	require.ErrorContains(t, err, "3 bytes")
	cfg := testConfig()
	cfg.VerifyKeys = []ed25519.PublicKey{nil}
	_, err = Subscribe(t.Context(), server.Client(t), cfg)
	require.ErrorContains(t, err, "verify key 0 is 0 bytes")
}
