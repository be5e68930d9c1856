package wire

import (
	"fmt"
	"slices"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// revisionKeys are the keys of a value, in their order.
var revisionKeys = []string{"format", "id", "version", "published_at", "publisher", "reason", "directives"}

// Decode returns the revision that a value of the key holds. It takes nothing that leaves a doubt: the error is a
// *MalformedError for bytes that are no value, or a *directive.ValidationError with the path of the first field that
// is missing, repeated, unknown, of another type or beyond its limits. Neither holds anything of the value but names
// of unknown fields.
//
// A second map after the first, the seal, must be well-formed; it is not looked into. No bytes at all are not a value:
// what they mean is for the caller to say.
func Decode(value []byte) (Revision, error) {
	if len(value) > MaxValueBytes {
		return Revision{}, invalid("", fmt.Sprintf("the value is %d bytes, the limit is %d", len(value), MaxValueBytes))
	}
	end, err := scanMap(value, 0)
	if err != nil {
		return Revision{}, err
	}
	if end < len(value) {
		seal, err := scanMap(value[end:], end)
		if err != nil {
			return Revision{}, err
		}
		if end+seal < len(value) {
			return Revision{}, &MalformedError{end + seal, "something after the end"}
		}
	}
	return decodeRevision(newReader(value[:end]))
}

func decodeRevision(r reader) (rev Revision, err error) {
	rest, err := decodeHead(r, &rev)
	if err != nil {
		return Revision{}, err
	}
	for i, field := range revisionKeys[headKeys:] {
		if i == rest {
			return Revision{}, invalid(field, "is missing")
		}
		if err := expectKey(r, field); err != nil {
			return Revision{}, err
		}
		switch field {
		case "publisher":
			rev.Publisher, err = r.text(field)
		case "reason":
			rev.Reason, err = r.text(field)
		case "directives":
			rev.Set, err = decodeSet(r)
		}
		if err != nil {
			return Revision{}, err
		}
	}
	if rest > len(revisionKeys)-headKeys {
		return Revision{}, extraKey(r)
	}
	if err := rev.validate(); err != nil {
		return Revision{}, err
	}
	return rev, nil
}

// expectKey reads the key that has to come next.
func expectKey(r reader, want string) error {
	key, err := r.text("")
	if err != nil {
		return err
	}
	switch {
	case key == want:
		return nil
	case slices.Contains(revisionKeys, key):
		return invalid(key, fmt.Sprintf("stands where %s has to", want))
	}
	return unknownName(key, nil)
}

// extraKey reads the key after the last one and returns the error for it.
func extraKey(r reader) error {
	key, err := r.text("")
	if err != nil {
		return err
	}
	if slices.Contains(revisionKeys, key) {
		return invalid(key, "is repeated")
	}
	return unknownName(key, nil)
}

func decodeSet(r reader) (*directive.Set, error) {
	n, err := r.arrayLen("directives")
	if err != nil {
		return nil, err
	}
	if err := directive.TooMany(n); err != nil {
		return nil, err
	}
	all := make([]directive.Directive, 0, min(n, r.left.Len()/minDirectiveBytes))
	for i := range n {
		var d directive.Directive
		if err := decodeDirective(r, &d); err != nil {
			return nil, directive.InDirective(i, err)
		}
		all = append(all, d)
	}
	return directive.NewSet(all)
}

// directiveKeys are the keys of a directive, the required ones first.
var directiveKeys = []string{
	"id", "level", "sample_per_mille", "expires_at", "ring_buffer", "capture",
	"tenant", "index", "principal", "endpoint",
}

const (
	requiredKeys = 6
	// minDirectiveBytes is what the shortest directive takes, so that a declared count alone makes no room for more.
	minDirectiveBytes = 68
)

func decodeDirective(r reader, d *directive.Directive) error {
	n, err := r.mapLen("")
	if err != nil {
		return err
	}
	seen := 0 // one bit for each of directiveKeys
	for range n {
		key, err := r.text("")
		if err != nil {
			return err
		}
		i := slices.Index(directiveKeys, key)
		if i < 0 {
			return unknownName(key, nil)
		}
		if seen&(1<<i) != 0 {
			return invalid(key, "is repeated")
		}
		seen |= 1 << i
		if err := decodeField(r, key, d); err != nil {
			return err
		}
	}
	for i, key := range directiveKeys[:requiredKeys] {
		if seen&(1<<i) == 0 {
			return invalid(key, "is missing")
		}
	}
	return nil
}

func decodeField(r reader, key string, d *directive.Directive) (err error) {
	var name string
	var n int64
	switch key {
	case "id":
		d.ID, err = r.text(key)
	case "level":
		if name, err = r.text(key); err == nil {
			d.Level, err = directive.ParseLevel(name)
			err = atField(key, err)
		}
	case "sample_per_mille":
		n, err = r.integer(key, 0, 1000)
		d.SamplePerMille = int(n)
	case "expires_at":
		n, err = r.integer(key, 1, directive.MaxMillis)
		d.ExpiresAt = time.UnixMilli(n)
	case "ring_buffer":
		d.RingBuffer, err = r.boolean(key)
	case "capture":
		d.Capture, err = r.boolean(key)
	case "endpoint":
		if name, err = r.text(key); err == nil {
			d.Match.Endpoint, err = directive.ParseEndpoint(name)
			err = atField(key, err)
		}
	case "tenant":
		d.Match.Tenant, err = target(r, key)
	case "index":
		d.Match.Index, err = target(r, key)
	case "principal":
		d.Match.Principal, err = target(r, key)
	}
	return err
}

// target reads a name that the directive is confined to. An empty one would confine it to nothing.
func target(r reader, field string) (string, error) {
	name, err := r.text(field)
	if err == nil && name == "" {
		err = invalid(field, "must not be empty")
	}
	return name, err
}

func atField(field string, err error) error {
	if err == nil {
		return nil
	}
	return invalid(field, err.Error())
}
