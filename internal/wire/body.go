package wire

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

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

// bodyReader makes nodes from the text of a body. The position is that of an error whose
// reason does not name the place.
type bodyReader func(body []byte) (node, position, error)

func (o BodyOptions) reader() bodyReader {
	if o.YAML {
		return readYAML
	}
	return readJSON
}

// ParseJSON is [ParseBody] without options. It does not refer to the reader of YAML, so that
// the linker leaves the YAML library out of programs that read only JSON.
func ParseJSON(body []byte, now time.Time) (*directive.Set, error) {
	return parseSet(body, now, 0, readJSON)
}

// ParseBody returns the set that a publish body describes. A TTL counts from now, in
// whole milliseconds. The error is a [*directive.ValidationError]. It names the first
// field that is wrong or ambiguous, and quotes no value of the body, because proxies log
// it.
func ParseBody(body []byte, now time.Time, opts BodyOptions) (*directive.Set, error) {
	return parseSet(body, now, opts.MaxTTL, opts.reader())
}

func parseSet(body []byte, now time.Time, maxTTL time.Duration, read bodyReader) (*directive.Set, error) {
	p, directives := parse(body, now, maxTTL, read, 1)
	if len(p.faults) > 0 {
		return nil, invalid(p.faults[0].Path, p.faults[0].Reason)
	}
	return directive.NewSet(directives)
}

// parse reads a body until it has found limit faults. The directives are complete only if
// there are no faults.
func parse(
	body []byte, now time.Time, maxTTL time.Duration, read bodyReader, limit int,
) (*bodyParser, []directive.Directive) {
	p := &bodyParser{
		body: body, now: time.UnixMilli(now.UnixMilli()), maxTTL: cmp.Or(maxTTL, DefaultMaxTTL), limit: limit,
	}
	if err := checkText(body); err != nil {
		p.add(err, position{}, "")
		return p, nil
	}
	root, at, err := read(body)
	if err != nil {
		p.add(err, at, "")
		return p, nil
	}
	return p, p.directives(root)
}

type bodyParser struct {
	body   []byte
	now    time.Time
	maxTTL time.Duration

	limit  int
	faults []BodyFault
	// valid holds the nodes of the directives without faults, by their indexes. It is nil if
	// the body has no list of directives.
	valid map[int]node
}

func (p *bodyParser) directives(root node) []directive.Directive {
	if root.kind != object {
		p.add(mustBe(object, root), root.at, "")
		return nil
	}
	var list *node
	for i := range root.entries {
		e := &root.entries[i]
		if e.name == "directives" {
			list = &e.value
		} else if !p.add(unknownName(e.name, []string{"directives"}), e.at, "") {
			return nil
		}
	}
	switch {
	case list == nil:
		p.add(invalid("directives", "is missing"), root.at, "")
		return nil
	case list.kind != array:
		p.add(mustBe(array, *list), list.at, "directives")
		return nil
	}
	if err := directive.TooMany(len(list.items)); err != nil {
		p.add(err, list.at, "")
		return nil
	}
	p.valid = make(map[int]node)
	out := make([]directive.Directive, len(list.items))
	for i, n := range list.items {
		before := len(p.faults)
		if !p.directive(n, &out[i], fmt.Sprintf("directives[%d]", i)) {
			return nil
		}
		if len(p.faults) == before {
			p.valid[i] = n
		}
	}
	return out
}

// bodyFields are the fields of a directive in a publish body.
var bodyFields = []string{
	"id", "level", "ttl_secs", "expires_at", "sample_per_mille", "ring_buffer", "capture",
	"tenant", "index", "principal", "endpoint", "instances", "max_per_second",
}

// directive reads a directive at a path. It returns false if the limit of faults is reached.
func (p *bodyParser) directive(n node, d *directive.Directive, path string) (more bool) {
	if n.kind != object {
		return p.add(mustBe(object, n), n.at, path)
	}
	d.SamplePerMille = 1000
	has := make(map[string]bool, len(bodyFields))
	for i := range n.entries {
		e := &n.entries[i]
		has[e.name] = true
		if e.name == "instances" {
			if d.Instances, more = p.instances(e.value, path+".instances"); !more {
				return false
			}
			continue
		}
		at, err := e.value.at, error(nil)
		switch {
		case has["ttl_secs"] && has["expires_at"] && (e.name == "ttl_secs" || e.name == "expires_at"):
			at, err = e.at, invalid(e.name, "ttl_secs and expires_at are both set (set only one)")
		default:
			err = p.field(e.name, e.value, d)
		}
		if !slices.Contains(bodyFields, e.name) {
			at = e.at
		}
		if err != nil && !p.add(err, at, path) {
			return false
		}
	}
	for _, missing := range []struct {
		field, reason string
		is            bool
	}{
		{"id", "is missing", !has["id"]},
		{"level", "is missing", !has["level"]},
		{"ttl_secs", "is missing (set ttl_secs or expires_at)", !has["ttl_secs"] && !has["expires_at"]},
	} {
		if missing.is && !p.add(invalid(missing.field, missing.reason), n.at, path) {
			return false
		}
	}
	return true
}

// field reads a field of a directive, except its instances.
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
		d.Level, err = named(p, n, directive.ParseLevel, levelWords)
	case "endpoint":
		d.Match.Endpoint, err = named(p, n, directive.ParseEndpoint, endpointWords)
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
	case "max_per_second":
		var rate int64
		rate, err = integer(n, 1, directive.MaxRate)
		d.MaxPerSecond = int(rate)
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
func named[T any](p *bodyParser, n node, parse func(string) (T, error), known []string) (out T, err error) {
	if n.kind != text && n.kind != ambiguous {
		return out, mustBe(text, n)
	}
	if out, err = parse(n.text); err != nil {
		reason := err.Error()
		if p.limit > 1 {
			reason += didYouMean(shown(n.text), known)
		}
		return out, invalid("", reason)
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

// The names that an error suggests.
var (
	levelWords    = names(directive.Off, directive.ShapeRewriteDiff)
	endpointWords = names(directive.IngestDoc, directive.Unknown)
)

func names[T interface {
	~uint8
	String() string
}](first, last T) (all []string) {
	for name := first; name <= last; name++ {
		all = append(all, name.String())
	}
	return all
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
