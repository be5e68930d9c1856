package fleetdial

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Level is how much a proxy records of a request. A higher level includes the lower
// levels. The zero Level is Off.
//
//	type Level uint8
//
//	func (Level) String() string               // the name, as publish bodies write it
//	func (Level) MarshalText() ([]byte, error) // the name; it never fails
type Level = directive.Level

// The levels, from the lowest to the highest.
const (
	// Off records nothing beyond what the proxy always records.
	Off = directive.Off
	// Shape records what a request looks like: ids, names, sizes and the status, never a
	// value of a document or a query.
	Shape = directive.Shape
	// ShapeTiming is Shape, and the time that each stage took.
	ShapeTiming = directive.ShapeTiming
	// ShapeRewriteDiff is ShapeTiming, and the names of the parts of the request that the
	// proxy rewrote, never their values.
	ShapeRewriteDiff = directive.ShapeRewriteDiff
)

// Endpoint is the kind of operation that a request asks for. The zero Endpoint is
// AnyEndpoint.
//
//	type Endpoint uint8
//
//	func (Endpoint) String() string               // the name, as publish bodies write it
//	func (Endpoint) MarshalText() ([]byte, error) // the name; it never fails
type Endpoint = directive.Endpoint

// The endpoints.
const (
	// AnyEndpoint in a [Match] matches requests to every endpoint. AnyEndpoint in a
	// [Request] counts as Unknown. AnyEndpoint has no name in publish bodies, which leave
	// the field out.
	AnyEndpoint = directive.AnyEndpoint
	// IngestDoc writes one document.
	IngestDoc = directive.IngestDoc
	// IngestBulk writes many documents.
	IngestBulk = directive.IngestBulk
	// Search is one query.
	Search = directive.Search
	// MultiSearch is several queries in one request.
	MultiSearch = directive.MultiSearch
	// Count counts the documents that a query matches.
	Count = directive.Count
	// GetByID reads one document. Its name is GetById.
	GetByID = directive.GetByID
	// MultiGet reads several documents by id.
	MultiGet = directive.MultiGet
	// DeleteByID removes one document. Its name is DeleteById.
	DeleteByID = directive.DeleteByID
	// DeleteByQuery removes the documents that a query matches.
	DeleteByQuery = directive.DeleteByQuery
	// Cursor continues an earlier search: scrolls and points in time.
	Cursor = directive.Cursor
	// Admin concerns the cluster, not its documents.
	Admin = directive.Admin
	// Unknown is an operation that the proxy cannot classify.
	Unknown = directive.Unknown
)

// Match selects the requests that a directive concerns.
//
//	type Match struct {
//		Tenant    string   // empty if not set
//		Index     string   // empty if not set
//		Principal string   // empty if not set
//		Endpoint  Endpoint // AnyEndpoint if not set
//	}
//
// A field that is not set matches every request. All fields that are set must equal those
// of the request, byte by byte. The zero Match matches every request.
type Match = directive.Match

// Directive is one rule of a [Set].
//
//	type Directive struct {
//		ID             string    // 1 to 128 bytes of UTF-8, unique in its set
//		Match          Match     // the requests that the directive concerns
//		Level          Level     // how much to record of the requests
//		SamplePerMille int       // the share of the requests that are recorded, 0 to 1000
//		ExpiresAt      time.Time // the expiry, in whole milliseconds
//		RingBuffer     bool      // whether the proxy keeps the requests in its ring buffer
//		Capture        bool      // whether the proxy captures the traffic of the requests
//
//		Instances    *Instances // the instances that evaluate the directive, nil for all
//		MaxPerSecond int        // the most requests per second and instance, 0 for no limit
//	}
//
//	func (Directive) Equal(other Directive) bool // whether all fields are equal
//	func (*Directive) Validate() error           // the *ValidationError of NewSet, or nil
//
// The names in Match are at most 256 bytes of UTF-8. The id of a request decides whether
// the request is in the sample, so that every proxy makes the same decision for a retry.
// A directive applies before ExpiresAt, and no longer at ExpiresAt.
//
// MaxPerSecond is at most 1,000,000. [Subscriber.Decide] and [Decide] enforce the limit
// with a token bucket, which holds the tokens of one second and starts with one token.
// Above the limit, the directive does not apply to a request, and other directives still
// do. The method Evaluate of [Set] ignores the limit.
type Directive = directive.Directive

// Instances selects the instances that evaluate a directive.
//
//	type Instances struct {
//		Names    []string          // the instances with these names, 1 to 100
//		Labels   map[string]string // the instances with all of these labels, 1 to 16
//		PerMille *int              // the instances whose bucket is below this, 0 to 1000; nil if not set
//	}
//
//	func (*Instances) Include(name string, labels map[string]string) bool // whether it selects the instance
//	func (*Instances) Equal(other *Instances) bool // whether all fields are equal
//	func (*Instances) Clone() *Instances           // a copy
//
// At least one field must be set. An instance is selected if all fields that are set
// select the instance. The bucket of an instance is the 64-bit FNV-1a hash of its name,
// modulo 1000, so that a larger PerMille keeps the instances of a smaller PerMille. If
// directives have a PerMille, set SubscriberConfig.Instance to a name that a restart does
// not change. The default name changes at each start.
type Instances = directive.Instances

// Hits counts requests to which directives applied, on one instance.
//
//	type Hits struct {
//		Applied int64 // the requests to which a directive applied
//		Capped  int64 // the requests to which it did not apply because of its MaxPerSecond
//	}
type Hits = directive.Hits

// DirectiveHits is the hits of one directive.
//
//	type DirectiveHits struct {
//		ID string // the id of the directive
//		Hits
//	}
type DirectiveHits = directive.DirectiveHits

// LevelHits is the hits of all directives with one level.
//
//	type LevelHits struct {
//		Level Level
//		Hits
//	}
type LevelHits = directive.LevelHits

// Request has the fields of a request that directives match.
//
//	type Request struct {
//		Tenant    string   // empty if not known
//		Index     string   // empty if not known
//		Principal string   // empty if not known
//		Endpoint  Endpoint // AnyEndpoint counts as Unknown
//		ID        string   // the request id, which decides whether the request is in a sample
//	}
//
// A directive with a tenant, an index or a principal does not match a request in which
// that field is empty.
type Request = directive.Request

// Decision is the result of the evaluation of a set for one request. The zero Decision
// records nothing.
//
//	type Decision struct {
//		Level      Level  // the highest level of the directives that apply
//		RingBuffer bool   // whether a directive that applies has RingBuffer
//		Capture    bool   // whether a directive that applies has Capture
//		By         string // the id of the directive with the highest level, empty at Off
//	}
//
//	func (Decision) Or(other Decision) Decision // the higher level, and the flags of both
//
// If several directives have the highest level, By is the id of the first of them in the
// set. If both decisions have the same level, Or keeps the By of its receiver.
type Decision = directive.Decision

// Set is an immutable collection of directives. The nil Set and the zero Set are empty. A
// Set is safe for concurrent use.
//
//	type Set struct{} // has no exported fields
//
//	func (*Set) Evaluate(req Request, now time.Time) Decision   // does not allocate
//	func (*Set) Explain(req Request, now time.Time) Explanation // the decision and its reasons
//	func (*Set) Len() int               // how many directives, expired ones included
//	func (*Set) Directives() []Directive // a copy, in the set's order
//	func (*Set) ForInstance(name string, labels map[string]string) *Set // the set of one instance
//	func (*Set) IsDetailed() bool        // whether a directive has Instances or MaxPerSecond
//	func (*Set) Hits() []DirectiveHits   // the hits of the set's directives
//	func (*Set) LevelHits() []LevelHits  // the hits by level, those of earlier sets included
//
// ForInstance returns the set without the directives whose Instances select other
// instances. A set that ForInstance has not returned applies no directive that has
// Instances, so that no directive applies on more instances than was meant.
// [Subscriber.Load] returns the set of its instance.
//
// The set of a Subscriber or a [Memory] counts the requests to which [Subscriber.Decide]
// and [Decide] apply its directives. The count of a directive begins with its publish,
// and begins again when its id, match or level changes. Any other set counts nothing.
//
// The set of a Subscriber counts expiries on the monotonic clock of this process, as
// measured against Redis. Pass time.Now() to Evaluate and Explain, because that time has
// a monotonic reading. Any other set counts expiries on the wall clock.
type Set = directive.Set

// ValidationError names the field of a set that is not valid, and the problem. [NewSet]
// and [ParseSet] return a ValidationError. [Publisher.Publish], [Publisher.Update] and
// [Publisher.Rollback] return a ValidationError for a set that is beyond the limits.
//
//	type ValidationError struct {
//		Path   string // the field, such as "directives[3].tenant", or empty for the whole set
//		Reason string // the problem, without any value that an operator wrote
//	}
//
//	func (*ValidationError) Error() string // path and reason
type ValidationError = directive.ValidationError

// The limits of a set.
const (
	// MaxDirectives is how many directives a set can hold.
	MaxDirectives = directive.MaxDirectives
	// MaxBodyBytes is the size of the largest publish body.
	MaxBodyBytes = wire.MaxBodyBytes
	// MaxValueBytes is the size of the largest value of the key.
	MaxValueBytes = wire.MaxValueBytes
	// DefaultMaxTTL is the default of ParseOptions.MaxTTL and PublisherConfig.MaxTTL.
	DefaultMaxTTL = wire.DefaultMaxTTL
)

// NewSet returns the set of these directives, in this order. It copies the slice. The
// error is a *[ValidationError] that names the first field that is beyond a limit.
func NewSet(directives []Directive) (*Set, error) { return directive.NewSet(directives) }

// ParseLevel returns the level with that name. Names are case-sensitive. Any other name
// is an error.
func ParseLevel(name string) (Level, error) { return directive.ParseLevel(name) }

// ParseEndpoint returns the endpoint with that name. Names are case-sensitive. Any other
// name is an error, including "Any": a match without an endpoint leaves the field out.
func ParseEndpoint(name string) (Endpoint, error) { return directive.ParseEndpoint(name) }

// ParseSet returns the set that a publish body in JSON describes. The TTLs of the body
// count from now. Pass the clock of Redis, which [Publisher.Now] returns. A directive can
// expire at most DefaultMaxTTL after now. The error is a *[ValidationError]. ParseSet is
// safe for input from untrusted sources.
func ParseSet(body []byte, now time.Time) (*Set, error) {
	return wire.ParseJSON(body, now)
}

// ParseOptions are the options of [ParseSetWith]. With the zero value, ParseSetWith is
// the same as [ParseSet].
type ParseOptions struct {
	// MaxTTL is the longest time from now to the expiry of a directive; the default is
	// DefaultMaxTTL.
	MaxTTL time.Duration
	// YAML reads the body as YAML instead of JSON. The YAML may use comments, block style
	// and plain strings. Everything else must be as in JSON.
	YAML bool
}

// ParseSetWith is [ParseSet] with options.
func ParseSetWith(body []byte, now time.Time, opts ParseOptions) (*Set, error) {
	return wire.ParseBody(body, now, wire.BodyOptions(opts))
}

// BodyFault is one fault of a publish body, with its place.
//
//	type BodyFault struct {
//		Path, Reason string // the same as in a ValidationError
//		Line, Column int    // from 1; 0 if the fault has no place, or if Reason names the place
//	}
type BodyFault = wire.BodyFault

// BodyFaults returns the first faults of a publish body, at most limit, in the order of
// their places. BodyFaults returns no faults if [ParseSetWith] accepts the body.
func BodyFaults(body []byte, now time.Time, opts ParseOptions, limit int) []BodyFault {
	return wire.BodyFaults(body, now, wire.BodyOptions(opts), limit)
}

// AppendBody appends the publish body in JSON that describes the set, and returns the
// extended slice. The body has absolute expiries. [ParseSet] returns an equal set for the
// body until the first directive expires, if no directive expires more than DefaultMaxTTL
// from now.
func AppendBody(dst []byte, set *Set) []byte { return wire.AppendBody(dst, set) }
