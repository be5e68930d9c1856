package wire

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/fleetdial/fleetdial/internal/directive"
)

const (
	// MaxBodyBytes bounds a publish body.
	MaxBodyBytes = 4 << 20
	// DefaultMaxTTL bounds how far from now a directive may expire, by default.
	DefaultMaxTTL = 24 * time.Hour
)

var errEmptyBody = invalid("", "the body is empty")

// BodyOptions are the options of [ParseBody].
type BodyOptions struct {
	MaxTTL time.Duration // DefaultMaxTTL if 0
	YAML   bool
}

// ParseBody returns the set that a publish body describes. A TTL counts from now, in
// whole milliseconds. The error is a [*directive.ValidationError]. It names the first
// field that is wrong or ambiguous, and quotes no value of the body, because proxies log
// it.
func ParseBody(body []byte, now time.Time, opts BodyOptions) (*directive.Set, error) {
	switch {
	case len(body) > MaxBodyBytes:
		return nil, invalid("", fmt.Sprintf("the body is %d bytes, the limit is %d", len(body), MaxBodyBytes))
	case len(bytes.TrimSpace(body)) == 0:
		return nil, errEmptyBody
	case !utf8.Valid(body):
		return nil, invalid("", "the body is not valid UTF-8, at "+place(body, validPrefix(body)))
	case bytes.HasPrefix(body, []byte("\uFEFF")):
		return nil, invalid("", "the body begins with a byte order mark (save the file without it)")
	}
	if opts.MaxTTL == 0 {
		opts.MaxTTL = DefaultMaxTTL
	}
	read := readJSON
	if opts.YAML {
		read = readYAML
	}
	root, err := read(body)
	if err != nil {
		return nil, err
	}
	p := bodyParser{now: time.UnixMilli(now.UnixMilli()), maxTTL: opts.MaxTTL}
	directives, err := p.directives(root)
	if err != nil {
		return nil, err
	}
	return directive.NewSet(directives)
}

// validPrefix returns the number of bytes before the first one that is not valid UTF-8.
func validPrefix(body []byte) int {
	i := 0
	for i < len(body) {
		r, size := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	return i
}

type bodyParser struct {
	now    time.Time
	maxTTL time.Duration
}

func (p *bodyParser) directives(root node) ([]directive.Directive, error) {
	if root.kind != object {
		return nil, mustBe(object, root)
	}
	var list *node
	for i := range root.entries {
		e := &root.entries[i]
		if e.name != "directives" {
			return nil, unknownName(e.name, []string{"directives"})
		}
		list = &e.value
	}
	if list == nil {
		return nil, invalid("directives", "is missing")
	}
	if list.kind != array {
		return nil, under("directives", mustBe(array, *list))
	}
	if err := directive.TooMany(len(list.items)); err != nil {
		return nil, err
	}
	out := make([]directive.Directive, len(list.items))
	for i := range list.items {
		if err := p.directive(list.items[i], &out[i]); err != nil {
			return nil, directive.InDirective(i, err)
		}
	}
	return out, nil
}

// bodyFields are the fields of a directive in a publish body.
var bodyFields = []string{
	"id", "level", "ttl_secs", "expires_at", "sample_per_mille", "ring_buffer", "capture",
	"tenant", "index", "principal", "endpoint",
}

func (p *bodyParser) directive(n node, d *directive.Directive) error {
	if n.kind != object {
		return mustBe(object, n)
	}
	d.SamplePerMille = 1000
	has := make(map[string]bool, len(bodyFields))
	for i := range n.entries {
		e := &n.entries[i]
		has[e.name] = true
		if has["ttl_secs"] && has["expires_at"] {
			return invalid(e.name, "ttl_secs and expires_at are both set (set only one)")
		}
		if err := p.field(e.name, e.value, d); err != nil {
			return err
		}
	}
	switch {
	case !has["id"]:
		return invalid("id", "is missing")
	case !has["level"]:
		return invalid("level", "is missing")
	case !has["ttl_secs"] && !has["expires_at"]:
		return invalid("ttl_secs", "is missing (set ttl_secs or expires_at)")
	}
	return nil
}

func (p *bodyParser) field(name string, n node, d *directive.Directive) (err error) {
	switch name {
	case "id":
		d.ID, err = nonEmpty(n)
	case "tenant":
		d.Match.Tenant, err = nonEmpty(n)
	case "index":
		d.Match.Index, err = nonEmpty(n)
	case "principal":
		d.Match.Principal, err = nonEmpty(n)
	case "level":
		d.Level, err = named(n, directive.ParseLevel)
	case "endpoint":
		d.Match.Endpoint, err = named(n, directive.ParseEndpoint)
	case "ttl_secs":
		var secs int64
		secs, err = integer(n, 1, int64(p.maxTTL/time.Second))
		d.ExpiresAt = p.now.Add(time.Duration(secs) * time.Second)
	case "expires_at":
		d.ExpiresAt, err = p.expiry(n)
	case "sample_per_mille":
		var sample int64
		sample, err = integer(n, 0, 1000)
		d.SamplePerMille = int(sample)
	case "ring_buffer":
		d.RingBuffer, err = truthValue(n)
	case "capture":
		d.Capture, err = truthValue(n)
	default:
		return unknownName(name, bodyFields)
	}
	return under(name, err)
}

func mustBe(want kind, n node) error {
	return invalid("", fmt.Sprintf("must be %s, not %s", want, n.kind))
}

func nonEmpty(n node) (string, error) {
	if n.kind == ambiguous {
		return "", invalid("", "must be a string (put the value in quotes)")
	}
	if n.kind != text {
		return "", mustBe(text, n)
	}
	if n.text == "" {
		return "", invalid("", "must not be empty")
	}
	return n.text, nil
}

// named reads a name of a fixed list. An ambiguous YAML word is accepted, because the
// level Off is such a word.
func named[T any](n node, parse func(string) (T, error)) (out T, err error) {
	if n.kind != text && n.kind != ambiguous {
		return out, mustBe(text, n)
	}
	if out, err = parse(n.text); err != nil {
		return out, invalid("", err.Error())
	}
	return out, nil
}

func truthValue(n node) (bool, error) {
	if n.kind == ambiguous {
		return false, invalid("", "must be true or false")
	}
	if n.kind != boolean {
		return false, mustBe(boolean, n)
	}
	return n.text == "true", nil
}

var decimal = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

func integer(n node, low, high int64) (int64, error) {
	if n.kind != number {
		return 0, mustBe(number, n)
	}
	if !decimal.MatchString(n.text) {
		return 0, invalid("", "must be an integer (digits only, without sign, fraction or exponent)")
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || i < low || i > high {
		return 0, invalid("", fmt.Sprintf("must be %d to %d", low, high))
	}
	return i, nil
}

// rfc3339 is the form of a time in RFC 3339. The check is needed because [time.Parse]
// also accepts an hour of one digit, a comma before the fraction and an offset of more
// than a day.
var rfc3339 = regexp.MustCompile(
	`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[-+]([01]\d|2[0-3]):[0-5]\d)$`)

func (p *bodyParser) expiry(n node) (t time.Time, err error) {
	if n.kind != text && n.kind != timestamp {
		return t, mustBe(text, n)
	}
	t, err = time.Parse(time.RFC3339Nano, n.text)
	if err != nil || !rfc3339.MatchString(n.text) {
		return t, invalid("", "must be a time in RFC 3339 (such as 2006-01-02T15:04:05Z)")
	}
	// A set counts whole milliseconds, so an expiry within the current millisecond has
	// passed.
	t = t.Truncate(time.Millisecond)
	switch {
	case !t.After(p.now):
		return t, invalid("", "is in the past")
	case t.After(p.now.Add(p.maxTTL)):
		return t, invalid("", fmt.Sprintf("is more than %v from now", p.maxTTL))
	}
	return t, nil
}
