package sim

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

type valueKind uint8

const (
	valueBytes valueKind = iota
	valueMissing
	valueEmpty
	valueWrongType
)

// value is something that the key held. Values are compared by pointer: no two have the same
// bytes.
type value struct {
	name  string
	kind  valueKind
	bytes []byte
	// version and id are what the header tells.
	version int64
	id      string
	// directives are those of the set, if the value is valid.
	directives []directive.Directive
	// reason is why a follower has to reject the value, empty if it is valid.
	reason wire.RejectReason
	// header and length are all that a follower compares at most resyncs.
	header string
	length int
	// heldUntil is when the key was last changed to something else, and firstAt when the key
	// first had the value.
	heldUntil, firstAt time.Duration
	isHeld             bool
	// hasTwin says that another value was made with the same header and length.
	hasTwin bool
}

func (v *value) isMissing() bool { return v.kind == valueMissing }

// isLike reports whether a follower cannot tell the values apart by their header.
func (v *value) isLike(other *value) bool {
	return other != nil && v.kind == other.kind && v.header == other.header && v.length == other.length
}

// values makes values.
type values struct {
	world                     *world
	missing, empty, wrongType *value
	byBytes                   map[string]*value
	made                      int
	directives                int
}

func (vs *values) begin() {
	vs.byBytes = make(map[string]*value)
	vs.missing = &value{name: "missing", kind: valueMissing}
	vs.empty = &value{name: "empty", kind: valueEmpty}
	vs.wrongType = &value{name: "wrong type", kind: valueWrongType, reason: wire.RejectWrongType}
	if vs.world.cfg.isSigned {
		vs.empty.reason = wire.RejectUnsigned
	}
}

// of returns the value of these bytes, whose header tells of a revision.
func (vs *values) of(name string, b []byte, version int64, id string) *value {
	if v := vs.byBytes[string(b)]; v != nil {
		return v
	}
	vs.made++
	v := &value{
		name: name + "#" + strconv.Itoa(vs.made), bytes: b, version: version, id: id,
		header: string(b[:min(len(b), wire.HeaderBytes)]), length: min(len(b), maxBytes+1),
	}
	vs.byBytes[string(b)] = v
	return v
}

func (vs *values) newID() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(vs.world.rng.Uint32())
	}
	return hex.EncodeToString(b[:])
}

// reason is the reason of each revision: long enough that the header ends within it.
var reason = strings.Repeat("simulated ", 5)

func (vs *values) encode(version int64, id string, set []directive.Directive) []byte {
	s, err := directive.NewSet(set)
	if err != nil {
		panic(err)
	}
	b, err := wire.Encode(wire.Revision{
		Version: version, ID: id, PublishedAt: vs.world.server.clock(), PublishedBy: "sim", Reason: reason, Set: s,
	})
	if err != nil {
		panic(err)
	}
	return b
}

func (vs *values) sign(body []byte) []byte {
	if !vs.world.cfg.isSigned {
		return body
	}
	b, err := wire.AppendSignature(bytes.Clone(body), redisKey, trustedKey)
	if err != nil {
		panic(err)
	}
	return b
}

// revision returns a value as a publisher writes it.
func (vs *values) revision(version int64, id string, set []directive.Directive) *value {
	v := vs.of("revision "+strconv.FormatInt(version, 10), vs.sign(vs.encode(version, id, set)), version, id)
	v.directives = set
	return v
}

// newDirective returns a directive with a tenant of its own, so that one request tells whether
// it applies.
func (vs *values) newDirective(ttl time.Duration) directive.Directive {
	r := vs.world.rng
	vs.directives++
	n := strconv.Itoa(vs.directives)
	d := directive.Directive{
		ID:             "d" + n,
		Match:          directive.Match{Tenant: "t" + n},
		Level:          directive.ShapeTiming + directive.Level(r.IntN(2)),
		SamplePerMille: 1000,
		ExpiresAt:      time.UnixMilli(vs.world.server.clock().Add(ttl).UnixMilli()),
		RingBuffer:     r.IntN(4) == 0,
		Capture:        r.IntN(4) == 0,
	}
	if r.IntN(4) == 0 {
		d.SamplePerMille = 1 + r.IntN(1000)
	}
	if r.IntN(4) == 0 {
		d.Match.Index = "orders"
	}
	if r.IntN(4) == 0 {
		d.Match.Endpoint = directive.Search
	}
	if r.IntN(8) == 0 {
		// It matches the requests of the others too, but never gives their level.
		d.Match, d.Level = directive.Match{}, directive.Shape
	}
	switch r.IntN(12) {
	case 0:
		d.Instances = &directive.Instances{Labels: map[string]string{"parity": parities[r.IntN(2)]}}
	case 1:
		perMille := r.IntN(1001)
		d.Instances = &directive.Instances{PerMille: &perMille}
	}
	return d
}

// inEverySample is a request id that each sample of at least 1 per mille takes.
var inEverySample = func() string {
	for i := 0; ; i++ {
		if id := strconv.Itoa(i); directive.SampleBucket(id) == 0 {
			return id
		}
	}
}()

// probe returns a request whose level tells whether the directive applies.
func probe(d *directive.Directive) directive.Request {
	req := directive.Request{
		Tenant: d.Match.Tenant, Index: d.Match.Index, Principal: d.Match.Principal, Endpoint: d.Match.Endpoint, ID: inEverySample,
	}
	if req.Tenant == "" {
		req.Tenant = "nobody"
	}
	return req
}
