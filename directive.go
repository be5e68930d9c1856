package fleetdial

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Level says how much a proxy records of a request. A higher level includes the lower
// ones. The zero Level is Off.
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
	// AnyEndpoint in a Match is an endpoint that is not set: requests to every endpoint
	// match. In a Request it counts as Unknown. Publish bodies have no name for it.
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

// Match says which requests a directive concerns.
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
//		Match          Match     // the requests that it concerns
//		Level          Level     // how much to record of them
//		SamplePerMille int       // how many of 1,000 matching requests it applies to, 0 to 1000
//		ExpiresAt      time.Time // the end, in whole milliseconds
//		RingBuffer     bool      // whether the proxy keeps the requests in its ring buffer
//		Capture        bool      // whether the proxy captures the traffic of the requests
//
//		Instances    *Instances // the instances that evaluate it, nil for all
//		MaxPerSecond int        // on how many requests per second and instance, 0 for no limit
//	}
//
//	func (Directive) Equal(other Directive) bool // whether all fields are equal
//	func (*Directive) Validate() error           // the *ValidationError of NewSet, or nil
//
// The names in Match are at most 256 bytes of UTF-8. The request's id decides whether a
// request is in the sample, so that each proxy decides the same for a retry. A directive
// applies before ExpiresAt, and no longer at ExpiresAt.
//
// MaxPerSecond is at most 1,000,000. [Subscriber.Decide] and [Decide] keep it with a token
// bucket that holds the tokens of one second and has one at first. Requests beyond it are
// decided as if there were no such directive. [Set.Evaluate] does not regard it.
type Directive = directive.Directive

// Instances selects the instances that evaluate a directive.
//
//	type Instances struct {
//		Names    []string          // these instances, 1 to 100
//		Labels   map[string]string // those that have all of these labels, 1 to 16
//		PerMille *int              // those whose name's bucket is below it, 0 to 1000; nil if not set
//	}
//
//	func (*Instances) Include(name string, labels map[string]string) bool // if it selects one
//	func (*Instances) Equal(other *Instances) bool // if both select by the same
//	func (*Instances) Clone() *Instances           // a copy
//
// At least one field is set, and all fields that are set must select the instance. The bucket
// of a name is its 64-bit FNV-1a hash modulo 1000, so that a larger PerMille keeps the
// instances of a smaller one. Set SubscriberConfig.Instance to a name that outlives a restart
// where directives have a PerMille, because the default name is another one each time.
type Instances = directive.Instances

// Hits counts the requests of one instance.
//
//	type Hits struct {
//		Applied int64 // the requests that a directive applied to
//		Capped  int64 // the requests that it did not apply to because of its MaxPerSecond
//	}
type Hits = directive.Hits

// DirectiveHits is what a directive has counted.
//
//	type DirectiveHits struct {
//		ID string // the directive's
//		Hits
//	}
type DirectiveHits = directive.DirectiveHits

// LevelHits is what the directives with a level have counted.
//
//	type LevelHits struct {
//		Level Level
//		Hits
//	}
type LevelHits = directive.LevelHits

// Request is what a set needs to know of a request.
//
//	type Request struct {
//		Tenant    string   // empty while it is not known
//		Index     string   // empty while it is not known
//		Principal string   // empty while it is not known
//		Endpoint  Endpoint // AnyEndpoint counts as Unknown
//		ID        string   // the request id, which decides on samples
//	}
//
// A directive that names a tenant, an index or a principal does not match a request in
// which that field is empty.
type Request = directive.Request

// Decision is what a set says of one request. The zero Decision records nothing.
//
//	type Decision struct {
//		Level      Level  // the highest level of the directives that apply
//		RingBuffer bool   // whether a directive that applies has RingBuffer
//		Capture    bool   // whether a directive that applies has Capture
//		By         string // the id of the directive that gave the level, empty at Off
//	}
//
//	func (Decision) Or(other Decision) Decision // the higher level, and either's flags
//
// If several directives have the highest level, By is the id of the first one in the set.
// If both decisions have the same level, Or keeps the By of its receiver.
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
//	func (*Set) ForInstance(name string, labels map[string]string) *Set // what one evaluates
//	func (*Set) IsDetailed() bool        // if a directive has Instances or MaxPerSecond
//	func (*Set) Hits() []DirectiveHits   // what a Subscriber's set has counted
//	func (*Set) LevelHits() []LevelHits  // the same by level, also of earlier sets
//
// A set that was not made with ForInstance applies no directive that has Instances, so that no
// directive applies on more instances than was meant. The set of [Subscriber.Load] is made for
// its instance. It counts the requests that [Subscriber.Decide] and [Decide] apply its
// directives to, from the publish of a directive until its id, match or level changes. So does
// the set of a [Memory].
//
// A set that a [Subscriber] returns counts expiries on the monotonic clock of this
// process, as measured against Redis. Pass time.Now() for now, because it has a monotonic
// reading. Any other set counts expiries on the wall clock.
type Set = directive.Set

// ValidationError says which field of a set is wrong, and why. [NewSet] and [ParseSet]
// return it. [Publisher.Publish] and its siblings return it for a set that is beyond the
// limits.
//
//	type ValidationError struct {
//		Path   string // the field, such as "directives[3].tenant", or empty for the whole set
//		Reason string // the reason, without any value that an operator wrote
//	}
//
//	func (*ValidationError) Error() string // path and reason
type ValidationError = directive.ValidationError

// The limits of a set.
const (
	// MaxDirectives is how many directives a set can hold.
	MaxDirectives = directive.MaxDirectives
	// MaxBodyBytes is the size of the largest publish body, and MaxValueBytes that of the
	// largest value of the key.
	MaxBodyBytes  = wire.MaxBodyBytes
	MaxValueBytes = wire.MaxValueBytes
	// DefaultMaxTTL is the longest TTL that a publish body can give a directive by
	// default.
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

// ParseSet returns the set that a publish body in JSON describes. A TTL counts from now,
// for which [Publisher.Now] returns the clock of Redis. A directive can expire at most
// DefaultMaxTTL from now. The error is a *[ValidationError]. ParseSet is safe for input
// from untrusted sources.
func ParseSet(body []byte, now time.Time) (*Set, error) {
	return wire.ParseJSON(body, now)
}

// ParseOptions are the options of [ParseSetWith]. The zero value makes it the same as
// [ParseSet].
type ParseOptions struct {
	// MaxTTL is how far from now a directive can expire; the default is DefaultMaxTTL.
	MaxTTL time.Duration
	// YAML says that the body is YAML. Only JSON's types and plain strings are accepted.
	YAML bool
}

// ParseSetWith is [ParseSet] with options.
func ParseSetWith(body []byte, now time.Time, opts ParseOptions) (*Set, error) {
	return wire.ParseBody(body, now, wire.BodyOptions(opts))
}

// BodyFault is a fault of a publish body.
//
//	type BodyFault struct {
//		Path, Reason string // as in a ValidationError
//		Line, Column int    // from 1; 0 if the fault has no place, or if Reason names the place
//	}
type BodyFault = wire.BodyFault

// BodyFaults returns the faults of a publish body, in the order of their places and at most
// limit. It returns none if [ParseSetWith] accepts the body.
func BodyFaults(body []byte, now time.Time, opts ParseOptions, limit int) []BodyFault {
	return wire.BodyFaults(body, now, wire.BodyOptions(opts), limit)
}

// AppendBody appends the publish body in JSON that describes the set, and returns the
// extended slice. The body has absolute expiries. [ParseSet] returns the same set for the
// body until the first directive expires.
func AppendBody(dst []byte, set *Set) []byte { return wire.AppendBody(dst, set) }
