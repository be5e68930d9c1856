package fleetdial

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// signedFleet returns a fleet whose subscriber trusts two keys, and whose publisher signs with
// the first.
func signedFleet(t *testing.T) (f *fleet, first, second ed25519.PrivateKey) {
	t.Helper()
	first, firstPublic := newKey(t)
	second, secondPublic := newKey(t)
	f = newFleet(t, func(cfg *SubscriberConfig) { cfg.VerifyKeys = []ed25519.PublicKey{firstPublic, secondPublic} })
	f.pub = newTestPublisher(t, f.client, PublisherConfig{SignKey: first})
	return f, first, second
}

// rejects writes a value to the key, which has to be rejected for that reason. The counter is
// read before, because an announcement has the subscriber fetch at once.
func (f *fleet) rejects(t testing.TB, reason RejectReason, write func()) {
	t.Helper()
	before := f.sub.Status().Counters.Rejections[reason]
	write()
	require.Error(t, f.sub.Refresh(t.Context()))
	status := f.sub.Status()
	require.Equal(t, StateRejected, status.State)
	require.Equal(t, reason, status.Rejected.Reason)
	require.Equal(t, before+1, status.Counters.Rejections[reason])
}

func TestSignedFleet_AppliesOnlySignedValues(t *testing.T) {
	t.Parallel()
	f, _, second := signedFleet(t)
	publish(t, f.pub, "a")
	eventually(t, f.sub, "a")
	first := f.holds(t)
	publish(t, newTestPublisher(t, f.client, PublisherConfig{SignKey: second}), "b")
	eventually(t, f.sub, "b")
	good := f.holds(t)

	f.rejects(t, RejectUnsigned, func() { f.set(t, value(t, 3, setOf(t, "evil"))) })
	f.rejects(t, RejectUnsigned, func() { f.set(t, nil) })
	stranger, _ := newKey(t)
	f.rejects(t, RejectUnknownKey, func() {
		publish(t, newTestPublisher(t, f.client, PublisherConfig{SignKey: stranger}), "evil")
	})
	altered := bytes.Clone(good)
	altered[len(altered)-wire.SignatureBytes-1] ^= 1
	f.rejects(t, RejectAltered, func() { f.set(t, altered) })
	f.rejects(t, RejectReplayed, func() { f.set(t, first) })
	require.NoError(t, f.client.Del(t.Context(), testKey).Err())
	require.NoError(t, f.sub.Refresh(t.Context()))
	assert.Equal(t, []string{"b"}, idsOf(f.sub))

	f.set(t, good)
	require.NoError(t, f.sub.Refresh(t.Context()))
	f.state(t, StateLive)
	assert.True(t, f.sub.Status().Revision.Verified)
}

func TestSignedFleet_ValueOfAnotherFleetIsRejected(t *testing.T) {
	t.Parallel()
	f, key, _ := signedFleet(t)
	other := newTestPublisher(t, f.client, PublisherConfig{Fleet: "test", SignKey: key})
	publish(t, other, "a")
	b, err := f.client.Get(t.Context(), "fleetdial:{test}").Bytes()
	require.NoError(t, err)
	f.rejects(t, RejectAltered, func() { f.set(t, b) })
}

func TestSignedFleet_RejectionIsLoggedOnce(t *testing.T) {
	t.Parallel()
	f, _, _ := signedFleet(t)
	f.rejects(t, RejectUnsigned, func() { f.set(t, value(t, 1, setOf(t, "evil"))) })
	for range 3 {
		require.Error(t, f.sub.Refresh(t.Context()))
	}
	assert.EqualValues(t, 1, f.sub.Status().Counters.Rejections[RejectUnsigned])
	assert.Equal(t, 1, f.log.lines("rejected; the last good one stays"))
}

func TestSubscribe_VerifyKeyOfWrongLength(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.VerifyKeys = []ed25519.PublicKey{nil}
	_, err := Subscribe(t.Context(), impatient(t, "127.0.0.1:1"), cfg)
	require.ErrorContains(t, err, "verify key 0: has 0 bytes")
}
