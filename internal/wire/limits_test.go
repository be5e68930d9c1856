package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// The limits are repeated here as the documentation states them, so that a changed
// constant fails a test.
const (
	limitValue      = 4_194_304
	limitSnapshot   = limitValue + 1024
	limitReport     = 16_384
	limitToken      = 4096
	limitDirectives = 10_000
	limitLabels     = 16
	limitCounters   = 32
)

// wellFormed returns a value with so many directives, each as short as possible.
func wellFormed(t testing.TB, directives int) []byte {
	t.Helper()
	rev := goldenRevisions(t)["empty"]
	empty, err := Encode(rev)
	require.NoError(t, err)
	body := bytes.NewBuffer(empty[:len(empty)-1]) // without the empty array of directives
	e := encoder{msgpack.NewEncoder(body)}
	require.NoError(t, e.EncodeArrayLen(directives))
	for i := range directives {
		e.directive(&directive.Directive{ID: fmt.Sprintf("d%05d", i), ExpiresAt: rev.PublishedAt})
	}
	return body.Bytes()
}

func TestDecode_MaxDirectives(t *testing.T) {
	t.Parallel()
	value := wellFormed(t, limitDirectives)
	require.Less(t, len(value), limitValue/2, "the value must be limited by its directives, not by its bytes")
	rev, err := Decode(value)
	require.NoError(t, err)
	assert.Equal(t, limitDirectives, rev.Set.Len())
	_, err = Decode(wellFormed(t, limitDirectives+1))
	assert.EqualError(t, err, "directives: holds 10001, the limit is 10000")
}

// TestDecode_HeapOfRevision does not run in parallel, so that no other test allocates
// meanwhile.
func TestDecode_HeapOfRevision(t *testing.T) {
	rev := goldenRevisions(t)["empty"]
	rev.Set = fleetSet(t, limitDirectives)
	value, err := Encode(rev)
	require.NoError(t, err)
	var revs [8]Revision
	before := heap()
	for i := range revs {
		revs[i], err = Decode(value)
		require.NoError(t, err)
	}
	each := int(heap()-before) / len(revs)
	assert.Less(t, each, len(value)*5/4, "the heap of a revision, for a value of %d bytes", len(value))
	assert.Positive(t, each)
	runtime.KeepAlive(&revs)
}

// padded appends a second map to the value, so that the result has the length.
func padded(t testing.TB, value []byte, length int) []byte {
	t.Helper()
	const head = 1 + 2 + 5
	n := length - len(value) - head
	out := append(bytes.Clone(value), 0x81, 0xa1, 'a', 0xdb, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	out = append(out, make([]byte, n)...)
	require.Len(t, out, length)
	return out
}

func TestDecode_MaxValueBytes(t *testing.T) {
	t.Parallel()
	value := wellFormed(t, 100)
	rev, err := Decode(padded(t, value, limitValue))
	require.NoError(t, err)
	assert.Equal(t, 100, rev.Set.Len())
	_, err = Decode(padded(t, value, limitValue+1))
	assert.EqualError(t, err, "the value is 4194305 bytes, the limit is 4194304")
}

// revisionOf returns a revision whose value has the length. Most of the value is
// directives.
func revisionOf(t testing.TB, length int) Revision {
	t.Helper()
	const shortReason, perDirective = 300, 600
	rev := goldenRevisions(t)["empty"]
	var all []directive.Directive
	sizeWith := func(d ...directive.Directive) int {
		rev.Set, rev.Reason = newSet(t, d...), strings.Repeat("r", shortReason)
		value, err := Encode(rev)
		require.NoError(t, err)
		return len(value)
	}
	one := directive.Directive{ExpiresAt: rev.PublishedAt, Match: directive.Match{
		Tenant: strings.Repeat("t", 256), Index: strings.Repeat("i", 200),
	}}
	one.ID = "d00000"
	each := sizeWith(one) - sizeWith()
	require.Less(t, each, perDirective)
	for i := range (length - sizeWith() - 2) / each { // the longer head of the array has 2 bytes more
		one.ID = fmt.Sprintf("d%05d", i)
		all = append(all, one)
	}
	more := length - sizeWith(all...)
	require.True(t, 0 <= more && more <= perDirective, "%d more bytes do not fit into the reason", more)
	rev.Reason = strings.Repeat("r", shortReason+more)
	return rev
}

func TestEncode_MaxValueBytes(t *testing.T) {
	t.Parallel()
	rev := revisionOf(t, limitValue)
	value, err := Encode(rev)
	require.NoError(t, err)
	require.Len(t, value, limitValue)
	back, err := Decode(value)
	require.NoError(t, err)
	assertSameRevision(t, rev, back)
	rev.Reason += "r"
	_, err = Encode(rev)
	assert.EqualError(t, err, "the set takes 4194305 bytes, the limit is 4194304")
}

func TestDecodeSnapshot_MaxBytes(t *testing.T) {
	t.Parallel()
	snapshot := func(length int) []byte {
		s := &Snapshot{Name: signedKey, TakenAt: now, LocalAt: now}
		s.Value = make([]byte, length-len(EncodeSnapshot(s)))
		return EncodeSnapshot(s)
	}
	b := snapshot(limitSnapshot)
	require.Len(t, b, limitSnapshot)
	_, err := DecodeSnapshot(b)
	require.NoError(t, err)
	_, err = DecodeSnapshot(snapshot(limitSnapshot + 1))
	assert.EqualError(t, err, "the snapshot is more than 4195328 bytes")
}

// TestEncodeSnapshot_LargestValue checks that the largest value fits into a snapshot,
// with every other field as long as possible.
func TestEncodeSnapshot_LargestValue(t *testing.T) {
	t.Parallel()
	name := "fleetdial:{" + strings.Repeat("f", 64) + "}"
	s := &Snapshot{
		Name: name, TakenAt: time.UnixMilli(directive.MaxMillis), LocalAt: time.UnixMilli(directive.MaxMillis),
		Boot: strings.Repeat("b", maxWordBytes), Uptime: time.Duration(maxMillis) * time.Millisecond,
		Value: make([]byte, limitValue),
	}
	back, err := DecodeSnapshot(EncodeSnapshot(s))
	require.NoError(t, err)
	assert.Equal(t, s, back)
}

// TestDecodeReport_MaxBytes pads a report with zero bytes, because no valid report has
// the largest length. The error shows whether the report was decoded or rejected for its
// length.
func TestDecodeReport_MaxBytes(t *testing.T) {
	t.Parallel()
	good := EncodeReport(goldenReport())
	report := func(length int) []byte { return append(bytes.Clone(good), make([]byte, length-len(good))...) }
	_, err := DecodeReport(report(limitReport))
	assert.EqualError(t, err, fmt.Sprintf("not a fleetdial value: data after the end at byte %d", len(good)))
	_, err = DecodeReport(report(limitReport + 1))
	assert.EqualError(t, err, "the report is more than 16384 bytes")
}

func TestEncodeReport_LargestReport(t *testing.T) {
	t.Parallel()
	r := goldenReport()
	r.Instance = strings.Repeat("n", 128)
	r.Labels, r.Counters = someLabels(limitLabels, 64, 256), someCounters(limitCounters)
	word := strings.Repeat("w", maxWordBytes)
	r.Fleetdial, r.State, r.Source, r.Rejected.Reason = word, State(word), Source(word), RejectReason(word)
	for _, text := range []*string{&r.Error, &r.Rejected.Error} {
		*text = strings.Repeat("e", 512)
	}
	r.Applied.Digest = strings.Repeat("d", 2*digestBytes)
	r.Applied.SignedBy = strings.Repeat("a", 2*keyIDBytes)
	value := EncodeReport(r)
	require.Less(t, len(value), limitReport)
	back, err := DecodeReport(value)
	require.NoError(t, err)
	assert.Equal(t, r, back)
}

// someLabels returns n labels whose names and values have these lengths.
func someLabels(n, nameBytes, valueBytes int) map[string]string {
	labels := make(map[string]string)
	for i := range n {
		name := fmt.Sprintf("l%02d", i)
		labels[name+strings.Repeat("l", nameBytes-len(name))] = strings.Repeat("v", valueBytes)
	}
	return labels
}

// someCounters returns n counters with the longest names and the largest numbers.
func someCounters(n int) map[string]int64 {
	counters := make(map[string]int64)
	for i := range n {
		counters[fmt.Sprintf("c%02d", i)+strings.Repeat("c", maxWordBytes-3)] = directive.MaxMillis
	}
	return counters
}

func TestDecodeReport_LabelAndCounterLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		labels   map[string]string
		counters int
		want     string
	}{
		{someLabels(limitLabels, 64, 256), limitCounters, ""},
		{someLabels(limitLabels+1, 3, 1), 0, "labels: are 17, the limit is 16"},
		{someLabels(1, 65, 1), 0, "labels: is 65 bytes, the limit is 64"},
		{someLabels(1, 3, 257), 0, "labels: is 257 bytes, the limit is 256"},
		{nil, limitCounters + 1, "counters: are 33, the limit is 32"},
	} {
		r := goldenReport()
		r.Labels, r.Counters = c.labels, someCounters(c.counters)
		_, err := DecodeReport(EncodeReport(r))
		own := CheckLabels(c.labels)
		if c.want == "" {
			require.NoError(t, err)
			require.NoError(t, own)
			continue
		}
		require.EqualError(t, err, c.want)
		assert.Equal(t, c.labels != nil, own != nil, "CheckLabels must reject the labels too: %s", c.want)
	}
}

// tokenOf returns a valid token, except that its length may be beyond the limit. The
// length is odd, because the dot stands between two hex strings.
func tokenOf(key []byte, length int) string {
	payload := []byte(`{"level":"Shape","exp":1900000000}`)
	payload = append(payload, bytes.Repeat([]byte{' '}, (length-1-64)/2-len(payload))...)
	return hex.EncodeToString(payload) + "." + hex.EncodeToString(tokenMAC(key, payload))
}

func TestParseToken_MaxBytes(t *testing.T) {
	t.Parallel()
	key, at := bytes.Repeat([]byte{1}, MinTokenKeyBytes), time.Unix(1_900_000_000-600, 0)
	token := tokenOf(key, limitToken-1)
	require.Len(t, token, limitToken-1)
	d, err := ParseToken(key, token, at, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, directive.Shape, d.Level)
	token = tokenOf(key, limitToken+1)
	require.Len(t, token, limitToken+1)
	_, err = ParseToken(key, token, at, time.Hour)
	assert.ErrorIs(t, err, ErrTokenMalformed)
}

func TestSignToken_MaxBytes(t *testing.T) {
	t.Parallel()
	key, at := bytes.Repeat([]byte{1}, MinTokenKeyBytes), time.Unix(1_900_000_000, 0)
	// JSON writes an escaped byte as six bytes, and a plain byte as one.
	sign := func(escaped, plain int) (string, error) {
		name := strings.Repeat("<", escaped) + strings.Repeat("x", plain)
		require.LessOrEqual(t, len(name), directive.MaxNameBytes)
		match := directive.Match{Tenant: name, Index: strings.Repeat("i", 256), Principal: strings.Repeat("p", 256)}
		return SignToken(key, directive.Directive{Match: match, Level: directive.Shape, SamplePerMille: 1000, ExpiresAt: at})
	}
	bare, err := json.Marshal(tokenPayload{
		Level: "Shape", Exp: at.Unix(), Tenant: "x", Index: strings.Repeat("i", 256), Principal: strings.Repeat("p", 256),
	})
	require.NoError(t, err)
	room := (limitToken-1-1-64)/2 - (len(bare) - 1)
	escaped, plain := room/6, room%6
	token, err := sign(escaped, plain)
	require.NoError(t, err)
	require.Len(t, token, limitToken-1)
	d, err := ParseToken(key, token, at.Add(-time.Minute), time.Hour)
	require.NoError(t, err)
	assert.Len(t, d.Match.Tenant, escaped+plain)
	_, err = sign(escaped, plain+1)
	assert.EqualError(t, err, "the token is 4097 bytes, the limit is 4096")
}
