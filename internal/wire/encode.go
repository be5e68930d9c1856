package wire

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// Encode returns the value that Redis holds for a revision. The error is a
// [*directive.ValidationError] if a field, or the whole value, is beyond its limit.
func Encode(r Revision) ([]byte, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	e := encoder{msgpack.NewEncoder(&buf)}
	// Errors are ignored here and in the encoder's methods, because a write to memory
	// cannot fail.
	_ = e.EncodeMapLen(len(revisionKeys))
	e.integer("format", int64(FormatOf(r.Set)))
	e.text("id", r.ID)
	e.integer("version", r.Version)
	e.integer("published_at", r.PublishedAt.UnixMilli())
	e.text("publisher", r.PublishedBy)
	e.text("reason", r.Reason)
	e.directives(r.Set)
	if buf.Len() > MaxValueBytes {
		return nil, invalid("", fmt.Sprintf("the set takes %d bytes, the limit is %d", buf.Len(), MaxValueBytes))
	}
	return buf.Bytes(), nil
}

type encoder struct{ *msgpack.Encoder }

func (e encoder) integer(key string, n int64) {
	_ = e.EncodeString(key)
	_ = e.EncodeInt(n)
}

func (e encoder) text(key, text string) {
	_ = e.EncodeString(key)
	_ = e.EncodeString(text)
}

func (e encoder) boolean(key string, b bool) {
	_ = e.EncodeString(key)
	_ = e.EncodeBool(b)
}

func (e encoder) directives(set *directive.Set) {
	_ = e.EncodeString("directives")
	_ = e.EncodeArrayLen(set.Len())
	for i := range set.Len() {
		d := directive.At(set, i)
		e.directive(&d)
	}
}

func (e encoder) directive(d *directive.Directive) {
	endpoint := ""
	if d.Match.Endpoint != directive.AnyEndpoint {
		endpoint = d.Match.Endpoint.String()
	}
	optional := []struct{ key, text string }{
		{"tenant", d.Match.Tenant},
		{"index", d.Match.Index},
		{"principal", d.Match.Principal},
		{"endpoint", endpoint},
	}
	fields := 6
	for _, o := range optional {
		if o.text != "" {
			fields++
		}
	}
	if d.Instances != nil {
		fields++
	}
	if d.MaxPerSecond != 0 {
		fields++
	}
	_ = e.EncodeMapLen(fields)
	e.text("id", d.ID)
	e.text("level", d.Level.String())
	e.integer("sample_per_mille", int64(d.SamplePerMille))
	e.integer("expires_at", d.ExpiresAt.UnixMilli())
	e.boolean("ring_buffer", d.RingBuffer)
	e.boolean("capture", d.Capture)
	for _, o := range optional {
		if o.text != "" {
			e.text(o.key, o.text)
		}
	}
	if d.Instances != nil {
		e.instances(d.Instances)
	}
	if d.MaxPerSecond != 0 {
		e.integer("max_per_second", int64(d.MaxPerSecond))
	}
}

func (e encoder) instances(in *directive.Instances) {
	_ = e.EncodeString("instances")
	fields := 0
	for _, isSet := range []bool{in.Names != nil, in.Labels != nil, in.PerMille != nil} {
		if isSet {
			fields++
		}
	}
	_ = e.EncodeMapLen(fields)
	if in.Names != nil {
		_ = e.EncodeString("names")
		_ = e.EncodeArrayLen(len(in.Names))
		for _, name := range in.Names {
			_ = e.EncodeString(name)
		}
	}
	if in.Labels != nil {
		_ = e.EncodeString("labels")
		e.labels(in.Labels)
	}
	if in.PerMille != nil {
		e.integer("per_mille", int64(*in.PerMille))
	}
}

// labels writes a map of labels, in the order of their names.
func (e encoder) labels(labels map[string]string) {
	_ = e.EncodeMapLen(len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		e.text(name, labels[name])
	}
}
