package fleetdial

import "github.com/fleetdial/fleetdial/internal/directive"

// Diff is the difference between two sets, by the ids of their directives.
//
//	type Diff struct {
//		Added   []Directive // in the order of the newer set
//		Removed []Directive // in the order of the older set
//		Changed []Changed   // in the order of the newer set
//	}
//
//	func (Diff) Len() int // how many directives differ
//
// The order of the directives in a set is not a difference.
type Diff = directive.Diff

// Changed is a directive that both sets have, with different fields.
//
//	type Changed struct {
//		Before, After Directive
//	}
//
//	func (Changed) Fields() []Field // the fields that differ
type Changed = directive.Changed

// Field is the name of a directive's field, as publish bodies write it.
//
//	type Field string
type Field = directive.Field

// The fields in which directives with the same id can differ.
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

	FieldInstances    = directive.FieldInstances
	FieldMaxPerSecond = directive.FieldMaxPerSecond
)

// DiffSets returns the changes that turn the set from into the set to. A nil set is
// empty.
func DiffSets(from, to *Set) Diff { return directive.DiffSets(from, to) }

// Explanation is a set's decision on one request, with its reasons. The method Explain of
// [Set] returns it.
//
//	type Explanation struct {
//		Decision   Decision
//		Bucket     int      // that of the request's id, 0 to 999
//		Directives []Ground // one for each directive of the set, in its order
//	}
//
// A sample includes the request if SamplePerMille is above Bucket.
type Explanation = directive.Explanation

// Ground says whether one directive applies to a request, and every reason why it does
// not apply.
//
//	type Ground struct {
//		Directive   Directive
//		Applies     bool
//		Expired     bool    // whether the directive has expired
//		Differs     []Field // the fields of its match that differ from the request
//		OutOfSample bool    // whether the request is not in its sample
//
//		OtherInstances bool // whether it has Instances, but the set is not that of one of them
//	}
type Ground = directive.Ground
