package fleetdial

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Level is how much a proxy records of a request: Off, the zero Level, then Shape, ShapeTiming and ShapeRewriteDiff. A
// higher level includes the lower ones. Its String method returns the level's name as publish bodies write it.
type Level = directive.Level

// The levels, from nothing to everything.
const (
	// Off records nothing beyond what the proxy always records.
	Off = directive.Off
	// Shape records what a request looked like: ids, names, sizes, status. Never a value of a document or a query.
	Shape = directive.Shape
	// ShapeTiming is Shape and the time that each stage took.
	ShapeTiming = directive.ShapeTiming
	// ShapeRewriteDiff is ShapeTiming and which parts of the request the proxy rewrote: their names, never their values.
	ShapeRewriteDiff = directive.ShapeRewriteDiff
)

// Endpoint is the kind of operation that a request asks for. Its String method returns the name as publish bodies write
// it. The zero Endpoint is AnyEndpoint.
type Endpoint = directive.Endpoint

// The endpoints.
const (
	// AnyEndpoint in a Match is an endpoint that is not set: requests to every endpoint match. A Request that has it
	// counts as one to Unknown. Publish bodies have no name for it.
	AnyEndpoint = directive.AnyEndpoint
	// IngestDoc writes one document.
	IngestDoc = directive.IngestDoc
	// IngestBulk writes many documents.
	IngestBulk = directive.IngestBulk
	// Search is one query.
	Search = directive.Search
	// MultiSearch is several queries in one request.
	MultiSearch = directive.MultiSearch
	// Count counts what a query matches.
	Count = directive.Count
	// GetByID reads one document. Its name is GetById.
	GetByID = directive.GetByID
	// MultiGet reads several documents by id.
	MultiGet = directive.MultiGet
	// DeleteByID removes one document. Its name is DeleteById.
	DeleteByID = directive.DeleteByID
	// DeleteByQuery removes what a query matches.
	DeleteByQuery = directive.DeleteByQuery
	// Cursor goes on with an earlier search: scrolls and points in time.
	Cursor = directive.Cursor
	// Admin is about the cluster, not its documents.
	Admin = directive.Admin
	// Unknown is anything that the proxy could not classify.
	Unknown = directive.Unknown
)

// Match says which requests a directive concerns: Tenant, Index and Principal, strings of which an empty one is unset,
// and Endpoint, of which AnyEndpoint is unset. An unset field matches every request; all fields that are set must equal
// the request's, byte by byte. The zero Match matches everything.
type Match = directive.Match

// Directive is one rule, with the fields ID (1 to 128 bytes, unique in its set), Match, Level, SamplePerMille (how many
// of 1,000 matching requests it applies to, chosen by request id: 0 is none, 1000 is all), ExpiresAt (it applies before
// that moment, which counts in whole milliseconds, and no longer at it), RingBuffer and Capture (whether the proxy is to
// keep the requests in its ring buffer, or to capture their traffic).
type Directive = directive.Directive

// Request is what a set needs to know of a request: Tenant, Index and Principal, each empty while it is not known,
// Endpoint, and ID, the request id from which samples are drawn. A directive that names a tenant, an index or a
// principal does not match a request in which it is empty.
type Request = directive.Request

// Decision is what a set says of one request: Level, RingBuffer, Capture, and By, the id of the directive that gave the
// level, the first of the set among equals, empty at Off. The zero Decision records nothing.
type Decision = directive.Decision

// Set is an immutable collection of directives. Its methods are Evaluate(Request, now time.Time) Decision, which does
// not allocate, Len() int, and Directives() []Directive, a copy. The nil Set and the zero Set are empty. It is safe for
// concurrent use.
//
// A set that a Subscriber returns counts its expiries on this process's monotonic clock, as measured against Redis: for
// now, use time.Now(). Any other set counts them on the wall clock.
type Set = directive.Set

// ValidationError says which field of a set is wrong, and why: Path is the field's place, such as
// "directives[3].tenant", or empty where the whole is meant, and Reason the reason, which holds no value that an
// operator wrote. NewSet and ParseSet return it, and so does publishing what is beyond the limits.
type ValidationError = directive.ValidationError

// The limits of a set.
const (
	// MaxDirectives is how many directives a set may hold.
	MaxDirectives = directive.MaxDirectives
	// MaxBodyBytes bounds a publish body, MaxValueBytes the value of the key.
	MaxBodyBytes  = wire.MaxBodyBytes
	MaxValueBytes = wire.MaxValueBytes
	// DefaultMaxTTL is the longest life that a publish body may give a directive, unless told otherwise.
	DefaultMaxTTL = wire.DefaultMaxTTL
)

// NewSet returns the set of these directives, in this order. The slice is copied. The error is a *ValidationError that
// names the first field that breaks a limit.
func NewSet(directives []Directive) (*Set, error) { return directive.NewSet(directives) }

// ParseLevel returns the level with that name. Names are case-sensitive; anything else is an error.
func ParseLevel(name string) (Level, error) { return directive.ParseLevel(name) }

// ParseEndpoint returns the endpoint with that name. Names are case-sensitive; anything else, "Any" among it, is an
// error.
func ParseEndpoint(name string) (Endpoint, error) { return directive.ParseEndpoint(name) }

// ParseSet returns the set that a publish body in JSON describes. A TTL counts from now, for which Publisher.Now gives
// the clock of Redis; none may reach further than DefaultMaxTTL. The error is a *ValidationError. It is safe to use on
// what anyone sends.
func ParseSet(body []byte, now time.Time) (*Set, error) {
	return wire.ParseBody(body, now, wire.BodyOptions{})
}

// ParseOptions are those of ParseSetWith; the zero value is what ParseSet uses.
type ParseOptions struct {
	// MaxTTL bounds how far from now a directive may expire; 0 is DefaultMaxTTL.
	MaxTTL time.Duration
	// YAML says that the body is YAML, of which JSON's own types and plain strings are taken, and nothing else.
	YAML bool
}

// ParseSetWith is ParseSet with options.
func ParseSetWith(body []byte, now time.Time, opts ParseOptions) (*Set, error) {
	return wire.ParseBody(body, now, wire.BodyOptions(opts))
}

// AppendBody appends the publish body, in JSON, that describes the set, and returns the extended slice. It has absolute
// expiries; ParseSet makes the same set of it as long as none has passed.
func AppendBody(dst []byte, set *Set) []byte { return wire.AppendBody(dst, set) }
