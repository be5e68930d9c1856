package wire

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fleetdial/fleetdial/internal/directive"
)

const signedKey = "fleetdial:{prod}"

// signKey is made of a fixed seed, so that what it signs is the same each time.
func signKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func ringOf(t testing.TB, keys ...ed25519.PrivateKey) Keyring {
	t.Helper()
	var public []ed25519.PublicKey
	for _, key := range keys {
		public = append(public, key.Public().(ed25519.PublicKey))
	}
	ring, err := NewKeyring(public)
	require.NoError(t, err)
	return ring
}

func sealed(t testing.TB, key ed25519.PrivateKey) []byte {
	t.Helper()
	body, err := Encode(goldenRevisions(t)["incident"])
	require.NoError(t, err)
	value, err := AppendSignature(body, signedKey, key)
	require.NoError(t, err)
	assert.Len(t, value, len(body)+SignatureBytes)
	return value
}

func TestAppendSignature_Golden(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "signed.msgpack")
	got := sealed(t, signKey(1))
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, got, "the bytes in Redis are fixed")
	id, err := ringOf(t, signKey(2), signKey(1)).Verify(want, signedKey)
	require.NoError(t, err)
	rev, err := Decode(want)
	require.NoError(t, err)
	assert.Equal(t, id, rev.SignedBy)
	assert.False(t, rev.Verified, "Decode checks no signature")
}

func TestVerify_RejectsOtherSignatures(t *testing.T) {
	t.Parallel()
	value := sealed(t, signKey(1))
	ring := ringOf(t, signKey(1))
	body := value[:len(value)-SignatureBytes]
	for name, c := range map[string]struct {
		value []byte
		name  string
		want  error
	}{
		"empty":              {nil, signedKey, ErrUnsigned},
		"unsigned":           {body, signedKey, ErrUnsigned},
		"another key":        {sealed(t, signKey(2)), signedKey, ErrUnknownKey},
		"another fleet":      {value, "fleetdial:{test}", ErrAltered},
		"altered":            {bytes.Replace(value, []byte("acme"), []byte("acne"), 1), signedKey, ErrAltered},
		"upper case":         {append(bytes.Clone(body), bytes.ToUpper(value[len(body):])...), signedKey, ErrAltered},
		"empty map":          {append(bytes.Clone(body), 0x80), signedKey, ErrAltered},
		"no map":             {append(bytes.Clone(body), 0x01), signedKey, ErrAltered},
		"other widths":       {append(bytes.Clone(body), otherWidths(value[len(body):])...), signedKey, ErrAltered},
		"data after the end": {append(bytes.Clone(value), 0x80), signedKey, ErrAltered},
		"truncated":          {value[:len(value)-1], signedKey, ErrAltered},
	} {
		_, err := ring.Verify(c.value, c.name)
		assert.ErrorIs(t, err, c.want, name)
	}
	_, err := ring.Verify([]byte("junk"), signedKey)
	assert.ErrorAs(t, err, new(*MalformedError))
	_, err = ring.Verify(sealed(t, signKey(2)), signedKey)
	assert.ErrorContains(t, err, KeyID(signKey(2).Public().(ed25519.PublicKey)))
	assert.ErrorContains(t, err, "not "+ring.IDs()[0])
}

// TestVerify_NoByteCanChange flips any bit of it.
func TestVerify_NoByteCanChange(t *testing.T) {
	t.Parallel()
	value := sealed(t, signKey(1))
	ring := ringOf(t, signKey(1))
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(value)
		at := rapid.IntRange(0, len(b)-1).Draw(t, "byte")
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err := ring.Verify(b, signedKey)
		assert.Error(t, err)
	})
}

func TestNewKeyring(t *testing.T) {
	t.Parallel()
	ring, err := NewKeyring(nil)
	require.NoError(t, err)
	assert.Nil(t, ring)
	_, err = NewKeyring([]ed25519.PublicKey{make([]byte, 31)})
	assert.ErrorContains(t, err, "31 bytes")
}

func TestAppendSignature_Limit(t *testing.T) {
	t.Parallel()
	_, err := AppendSignature(make([]byte, MaxValueBytes-SignatureBytes), signedKey, signKey(1))
	require.NoError(t, err)
	_, err = AppendSignature(make([]byte, MaxValueBytes-SignatureBytes+1), signedKey, signKey(1))
	assert.ErrorAs(t, err, new(*directive.ValidationError))
}

func goldenSnapshot(t testing.TB) *Snapshot {
	at := time.UnixMilli(1_790_000_000_000)
	return &Snapshot{
		Name: signedKey, TakenAt: at, LocalAt: at.Add(-time.Hour), Boot: "b", Uptime: time.Minute, Value: sealed(t, signKey(1)),
	}
}

func TestDecodeSnapshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "snapshot.msgpack")
	got := EncodeSnapshot(goldenSnapshot(t))
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, got, "the bytes on disk are fixed")
	back, err := DecodeSnapshot(want)
	require.NoError(t, err)
	assert.Equal(t, goldenSnapshot(t), back)

	for name, b := range map[string][]byte{
		"empty": nil, "junk": []byte("junk"), "truncated": want[:len(want)-1], "longer": append(bytes.Clone(want), 0),
		"altered":        bytes.Replace(want, []byte("acme"), []byte("acne"), 1),
		"another format": bytes.Replace(want, []byte("\xa6format\x01"), []byte("\xa6format\x02"), 1),
		"another digest": bytes.Replace(want, []byte("sha256"), []byte("sha255"), 1),
		"too large":      append(bytes.Clone(want), make([]byte, MaxSnapshotBytes)...),
		"a long key":     EncodeSnapshot(&Snapshot{Name: strings.Repeat("n", MaxReasonBytes+1)}),
	} {
		_, err := DecodeSnapshot(b)
		assert.Error(t, err, name)
	}
	nothing := &Snapshot{Name: signedKey, TakenAt: time.UnixMilli(1), LocalAt: time.UnixMilli(1), Value: []byte{}}
	back, err = DecodeSnapshot(EncodeSnapshot(nothing))
	require.NoError(t, err)
	assert.Equal(t, nothing, back)
}

func FuzzDecodeSnapshot(f *testing.F) {
	f.Add(EncodeSnapshot(goldenSnapshot(f)))
	f.Add([]byte{0x87})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSnapshot(b)
		if err != nil {
			return
		}
		again, err := DecodeSnapshot(EncodeSnapshot(s))
		require.NoError(t, err)
		assert.Equal(t, s, again)
	})
}

func FuzzVerify(f *testing.F) {
	value := sealed(f, signKey(1))
	ring := ringOf(f, signKey(1))
	f.Add(value)
	f.Add(value[:len(value)-SignatureBytes])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ring.Verify(b, signedKey); err == nil {
			assert.Equal(t, value, b, "nobody else has the key")
		}
	})
}

// otherWidths returns a signature with its first string written in another width.
func otherWidths(signature []byte) []byte {
	return slices.Concat(signature[:1], []byte{0xd9, 3}, signature[2:])
}
