package sim

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

func itoa(n int64) string {
	return strconv.FormatInt(n, 10)
}

// valueFaults are those of what the key holds.
var valueFaults = []faultKind{
	{name: "key evicted", do: func(w *world, _ *machine) { w.write(w.values.missing) }},
	{name: "empty value", do: func(w *world, _ *machine) { w.write(w.values.empty) }},
	{name: "wrong type", do: func(w *world, _ *machine) { w.write(w.values.wrongType) }},
	{name: "garbage", do: func(w *world, _ *machine) {
		b := []byte("garbage " + itoa(w.rng.Int64()))
		w.write(w.values.bad("garbage", b, 0, "", wire.RejectMalformed))
	}},
	{name: "truncated", do: func(w *world, _ *machine) {
		v := w.server.state.value
		body := len(v.bytes)
		if w.cfg.isSigned {
			body -= wire.SignatureBytes
		}
		if v.version > 0 && v.reason == "" && body > wire.HeaderBytes {
			b := v.bytes[:wire.HeaderBytes+w.rng.IntN(body-wire.HeaderBytes)]
			w.write(w.values.bad("truncated", b, v.version, v.id, wire.RejectMalformed))
		}
	}},
	{name: "extended", do: func(w *world, _ *machine) {
		if v := w.server.state.value; v.version > 0 && v.reason == "" {
			w.write(w.values.bad("extended", append(bytes.Clone(v.bytes), 'x'), v.version, v.id, w.ifSigned(wire.RejectAltered, wire.RejectMalformed)))
		}
	}},
	{name: "altered", do: func(w *world, _ *machine) { w.alter() }},
	{name: "another set under the same id", do: func(w *world, _ *machine) { w.replace() }},
	{name: "invalid", do: func(w *world, _ *machine) {
		version, id := w.server.state.lastVersion+1, w.values.newID()
		b := w.values.encode(version, id, []directive.Directive{w.values.newDirective(time.Hour)})
		b = bytes.Replace(b, []byte("Shape"), []byte("Shade"), 1)
		w.write(w.values.bad("invalid", w.values.sign(b), version, id, wire.RejectInvalid))
	}},
	{name: "too large", do: func(w *world, _ *machine) {
		version, id := w.server.state.lastVersion+1, w.values.newID()
		set := make([]directive.Directive, 30)
		for i := range set {
			set[i] = w.values.newDirective(time.Hour)
			set[i].Match.Principal = strings.Repeat("p", 200)
		}
		w.write(w.values.bad("too large", w.values.sign(w.values.encode(version, id, set)), version, id, wire.RejectTooLarge))
	}},
	{name: "replay", isSigned: true, do: func(w *world, _ *machine) {
		tl := w.server.timeline
		if v := tl[w.rng.IntN(len(tl))].value; v.version > 0 {
			w.write(v)
		}
	}},
	{name: "unsigned", isSigned: true, do: func(w *world, _ *machine) {
		version, id := w.server.state.lastVersion+1, w.values.newID()
		w.write(w.values.bad("unsigned", w.values.encode(version, id, nil), version, id, wire.RejectUnsigned))
	}},
	{name: "unknown key", isSigned: true, do: func(w *world, _ *machine) {
		version, id := w.server.state.lastVersion+1, w.values.newID()
		b, _ := wire.AppendSignature(w.values.encode(version, id, nil), redisKey, otherKey)
		w.write(w.values.bad("unknown key", b, version, id, wire.RejectUnknownKey))
	}},
	{name: "signed for another fleet", isSigned: true, do: func(w *world, _ *machine) {
		version, id := w.server.state.lastVersion+1, w.values.newID()
		b, _ := wire.AppendSignature(w.values.encode(version, id, nil), "fleetdial:{other}", trustedKey)
		w.write(w.values.bad("of another fleet", b, version, id, wire.RejectAltered))
	}},
	{name: "signature in other bytes", isSigned: true, do: func(w *world, _ *machine) { w.encodeAgain() }},
	{name: "same version, another id", isSigned: true, do: func(w *world, _ *machine) {
		v := w.server.state.value
		if v.version > 0 && v.reason == "" {
			w.write(w.values.revision(v.version, w.values.newID(), []directive.Directive{w.values.newDirective(time.Hour)}))
		}
	}},
	{name: "flapping", do: func(w *world, _ *machine) { w.flap() }},
}

// bad returns a value that a follower has to reject.
func (vs *values) bad(name string, b []byte, version int64, id string, reason wire.RejectReason) *value {
	v := vs.of(name, b, version, id)
	v.reason = reason
	return v
}

func (w *world) ifSigned(signed, unsigned wire.RejectReason) wire.RejectReason {
	if w.cfg.isSigned {
		return signed
	}
	return unsigned
}

// write writes a value as nobody should: past the publisher. A message may follow.
func (w *world) write(v *value) {
	if !w.canPublish() {
		return
	}
	if w.chance(0.3) {
		w.server.publish(v, w.server.state.lastVersion, "written by hand")
		return
	}
	w.server.set(v, w.server.state.lastVersion)
}

// alter flips the level of the first directive, which leaves the header as it is.
func (w *world) alter() {
	v := w.server.state.value
	if v.version == 0 || v.reason != "" || len(v.directives) == 0 {
		return
	}
	b := bytes.Clone(v.bytes)
	at := bytes.Index(b, []byte("Shape"))
	b[at+4] = 'd'
	v.hasTwin = true
	w.write(w.values.bad("altered", b, v.version, v.id, w.ifSigned(wire.RejectAltered, wire.RejectInvalid)))
}

// replace writes another valid set under the id and version that the key has, signed if the
// fleet is signed.
func (w *world) replace() {
	v := w.server.state.value
	if v.version == 0 || v.reason != "" || len(v.directives) == 0 {
		return
	}
	set := append([]directive.Directive(nil), v.directives...)
	d := &set[w.rng.IntN(len(set))]
	d.RingBuffer = !d.RingBuffer // of the same length
	at := bytes.Index(v.bytes, []byte("directives"))
	body := w.values.encode(v.version, v.id, set)
	// The time in the header stays.
	body = append(bytes.Clone(v.bytes[:at]), body[bytes.Index(body, []byte("directives")):]...)
	next := w.values.of("another "+itoa(v.version), w.values.sign(body), v.version, v.id)
	next.directives, next.hasTwin, v.hasTwin = set, true, true
	w.write(next)
}

// encodeAgain writes the same signature in other bytes: the key's name as str 8.
func (w *world) encodeAgain() {
	v := w.server.state.value
	if v.version == 0 || v.reason != "" || v.kind != valueBytes {
		return
	}
	end := len(v.bytes) - wire.SignatureBytes
	b := append(bytes.Clone(v.bytes[:end]), 0x82, 0xd9, 3)
	b = append(b, v.bytes[end+2:]...)
	w.write(w.values.bad("encoded again", b, v.version, v.id, wire.RejectAltered))
}

// flap has the key change between a good value and none, or a bad one, many times.
func (w *world) flap() {
	s := &w.server
	good := s.state
	if good.version == 0 || good.reason != "" {
		return
	}
	other := pick(w.rng, w.values.missing, w.values.wrongType, w.values.empty)
	end := w.soft(w.now + w.between(time.Second, 10*time.Second))
	gap := w.between(20*time.Millisecond, time.Second)
	var next func()
	next = func() {
		if !w.canPublish() || s.state.value != good.value && s.state.value != other {
			return
		}
		v := other
		if s.state.value == other {
			v = good.value
		}
		s.publish(v, good.lastVersion, "flap")
		if w.now < end || v == other {
			w.after(gap, next)
		}
	}
	next()
}
