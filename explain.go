package fleetdial

import "github.com/fleetdial/fleetdial/internal/directive"

// Diff is what differs between two sets, by the ids of their directives: Added and Removed, both []Directive, and
// Changed, a []Changed. Added and Changed are in the order of the newer set, Removed in that of the older; the order of
// directives is no difference. Its Len method returns how many directives differ.
type Diff = directive.Diff

// Changed is a directive that both sets have, but not the same, as it was Before and as it is After. Its Fields method
// returns the fields that differ.
type Changed = directive.Changed

// Field names a field of a directive as publish bodies do.
type Field = directive.Field

// The fields in which directives of the same id can differ.
const (
	FieldLevel      = directive.FieldLevel
	FieldTenant     = directive.FieldTenant
	FieldIndex      = directive.FieldIndex
	FieldPrincipal  = directive.FieldPrincipal
	FieldEndpoint   = directive.FieldEndpoint
	FieldSample     = directive.FieldSample
	FieldExpiresAt  = directive.FieldExpiresAt
	FieldRingBuffer = directive.FieldRingBuffer
	FieldCapture    = directive.FieldCapture
)

// DiffSets returns what has to be done to from to make it to. A nil set is empty.
func DiffSets(from, to *Set) Diff { return directive.DiffSets(from, to) }

// Explanation is what Set.Explain returns for one request: the Decision; Bucket, the one of the request's id, 0 to 999,
// which a sample includes if it is above it; and Directives, a Ground for each directive of the set, in its order.
type Explanation = directive.Explanation

// Ground says whether one Directive applies to a request (Applies) and, if it does not, everything that stands against
// it: Expired, that it has ended; Differs, the fields of its match that the request does not meet; and OutOfSample, that
// the request's bucket is not below SamplePerMille.
type Ground = directive.Ground
