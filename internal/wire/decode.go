package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// revisionKeys lists the keys of a value in their order.
var revisionKeys = []string{"format", "id", "version", "published_at", "publisher", "reason", "directives"}

// Decode returns the revision that a value of the key holds. It rejects every value that
// is ambiguous. The error is a [*MalformedError] for bytes that are not a value. It is a
// [*directive.ValidationError] with the path of the first field that is missing,
// repeated, unknown, of another type or beyond its limit. Both errors quote nothing of
// the value except the names of unknown fields.
//
// A second map may follow the first: the signature. Decode requires that the second map
// is well-formed, and returns its key id as SignedBy, unchecked. [Keyring.Verify] checks
// the signature. Decode rejects an empty value. The caller decides what an empty value
// means.
func Decode(value []byte) (Revision, error) {
	if len(value) > MaxValueBytes {
		return Revision{}, invalid("", fmt.Sprintf("the value is %d bytes, the limit is %d", len(value), MaxValueBytes))
	}
	r := &reader{in: string(value)}
	rev, err := decodeRevision(r)
	if err != nil {
		return Revision{}, err
	}
	end := r.pos
	if end < len(r.in) {
		if end, err = scanMap(r.in, end); err != nil {
			return Revision{}, err
		}
	}
	if end < len(r.in) {
		return Revision{}, &MalformedError{end, "data after the end"}
	}
	rev.SignedBy, _, _ = readSignature(r.in[r.pos:])
	// The set keeps none of the reader's strings. The revision keeps none either, so that the
	// memory of the value is freed.
	for _, text := range []*string{&rev.ID, &rev.PublishedBy, &rev.Reason, &rev.SignedBy} {
		*text = strings.Clone(*text)
	}
	return rev, nil
}

func decodeRevision(r *reader) (rev Revision, err error) {
	rest, err := decodeHeader(r, &rev)
	if err = cmp.Or(err, r.checkFormat()); err != nil {
		return Revision{}, err
	}
	for i, field := range revisionKeys[headerKeys:] {
		if i == rest {
			return Revision{}, invalid(field, "is missing")
		}
		if err := expectKey(r, field); err != nil {
			return Revision{}, err
		}
		switch field {
		case "publisher":
			rev.PublishedBy, err = r.text(field)
		case "reason":
			rev.Reason, err = r.text(field)
		case "directives":
			rev.Set, err = decodeSet(r)
		}
		if err != nil {
			return Revision{}, err
		}
	}
	if rest > len(revisionKeys)-headerKeys {
		return Revision{}, extraKey(r)
	}
	if err := rev.validate(); err != nil {
		return Revision{}, err
	}
	return rev, nil
}

// expectKey reads the next key, which must be want.
func expectKey(r *reader, want string) error {
	key, err := r.text("")
	if err != nil {
		return err
	}
	switch {
	case key == want:
		return nil
	case slices.Contains(revisionKeys, key):
		return invalid(key, fmt.Sprintf("found where %s is expected", want))
	}
	return unknownName(key, nil)
}

// extraKey reads the key after the last known key, and returns the error for it.
func extraKey(r *reader) error {
	key, err := r.text("")
	if err != nil {
		return err
	}
	if slices.Contains(revisionKeys, key) {
		return invalid(key, "is repeated")
	}
	return unknownName(key, nil)
}

func decodeSet(r *reader) (*directive.Set, error) {
	n, err := r.arrayLen("directives")
	if err != nil {
		return nil, err
	}
	if err := directive.TooMany(n); err != nil {
		return nil, err
	}
	present := min(n, 1+(len(r.in)-r.pos)/minDirectiveBytes)
	b := directive.NewBuilder(present)
	for i := range present {
		var d directive.Directive
		if err := decodeDirective(r, &d); err != nil {
			return nil, directive.InDirective(i, err)
		}
		b.Add(&d)
	}
	if present < n {
		return nil, &MalformedError{len(r.in), unexpectedEnd}
	}
	return b.Set()
}

// requiredKeys lists the keys that every directive has, in the order of the bits that
// decodeField returns for them.
var requiredKeys = []string{"id", "level", "sample_per_mille", "expires_at", "ring_buffer", "capture"}

// minDirectiveBytes is the length of the shortest directive. decodeSet divides the
// remaining bytes by it, so that a large declared count alone does not allocate memory.
const minDirectiveBytes = 68

func decodeDirective(r *reader, d *directive.Directive) error {
	n, err := r.mapLen("")
	if err != nil {
		return err
	}
	seen := 0
	for range n {
		key, err := r.text("")
		if err != nil {
			return err
		}
		bit, err := decodeField(r, key, d)
		if err != nil {
			return err
		}
		if seen&bit != 0 {
			return invalid(key, "is repeated")
		}
		seen |= bit
	}
	for i, key := range requiredKeys {
		if seen&(1<<i) == 0 {
			return invalid(key, "is missing")
		}
	}
	return nil
}

// decodeField reads the value of one key, and returns the bit of the key. It checks
// neither the length nor the UTF-8 of strings, because [directive.Builder.Add] does.
func decodeField(r *reader, key string, d *directive.Directive) (bit int, err error) {
	var n int64
	switch key {
	case "id":
		bit = 1 << 0
		d.ID, err = r.text(key)
	case "level":
		bit = 1 << 1
		d.Level, err = name(r, key, directive.ParseLevel)
	case "sample_per_mille":
		bit = 1 << 2
		n, err = r.integer(key, 0, 1000)
		d.SamplePerMille = int(n)
	case "expires_at":
		bit = 1 << 3
		n, err = r.integer(key, 1, directive.MaxMillis)
		d.ExpiresAt = time.UnixMilli(n)
	case "ring_buffer":
		bit = 1 << 4
		d.RingBuffer, err = r.boolean(key)
	case "capture":
		bit = 1 << 5
		d.Capture, err = r.boolean(key)
	case "tenant":
		bit = 1 << 6
		d.Match.Tenant, err = target(r, key)
	case "index":
		bit = 1 << 7
		d.Match.Index, err = target(r, key)
	case "principal":
		bit = 1 << 8
		d.Match.Principal, err = target(r, key)
	case "endpoint":
		bit = 1 << 9
		d.Match.Endpoint, err = name(r, key, directive.ParseEndpoint)
	default:
		return decodeDetail(r, key, d)
	}
	return bit, err
}

// decodeDetail is decodeField for the keys of format 2.
func decodeDetail(r *reader, key string, d *directive.Directive) (bit int, err error) {
	switch {
	case r.format >= 2 && key == "instances":
		d.Instances, err = decodeInstances(r)
		return 1 << 10, under(key, err)
	case r.format >= 2 && key == "max_per_second":
		n, err := r.integer(key, 1, directive.MaxRate)
		d.MaxPerSecond = int(n)
		return 1 << 11, err
	}
	return 0, unknownName(key, nil)
}

// name reads a name of a fixed list.
func name[T any](r *reader, field string, parse func(string) (T, error)) (out T, err error) {
	s, err := r.text(field)
	if err != nil {
		return out, err
	}
	if out, err = parse(s); err != nil {
		return out, invalid(field, err.Error())
	}
	return out, nil
}

// target reads a name that the directive matches. It rejects an empty name, because an
// empty name would match every request.
func target(r *reader, field string) (string, error) {
	name, err := r.text(field)
	if err == nil && name == "" {
		err = invalid(field, "must not be empty")
	}
	return name, err
}
