package fleetdial

import "github.com/fleetdial/fleetdial/internal/directive"

// Diff is the difference between two sets. Directives with the same id are the same
// directive.
//
//	type Diff struct {
//		Added   []Directive // in the order of the newer set
//		Removed []Directive // in the order of the older set
//		Changed []Changed   // in the order of the newer set
//	}
//
//	func (Diff) Len() int // the number of added, removed and changed directives
//
// The order of the directives in a set is not a difference.
type Diff = directive.Diff

// Changed is a directive that is in both sets, with different fields.
//
//	type Changed struct {
//		Before, After Directive
//	}
//
//	func (Changed) Fields() []Field // the fields that are different
type Changed = directive.Changed

// Field is the name of a directive's field, as publish bodies write it.
//
//	type Field string
type Field = directive.Field

// The fields of a directive that can change.
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

// DiffSets returns the changes that turn the first set into the second set. A nil set is
// empty.
func DiffSets(from, to *Set) Diff { return directive.DiffSets(from, to) }

// Explanation is the decision of a set on one request, with its reasons. The method
// Explain of [Set] returns an Explanation.
//
//	type Explanation struct {
//		Decision   Decision
//		Bucket     int      // the bucket of the request's id, 0 to 999
//		Directives []Ground // one for each directive of the set, in its order
//	}
//
// The sample of a directive includes the request if SamplePerMille is above Bucket.
type Explanation = directive.Explanation

// Ground is the part of one directive in an [Explanation]: whether the directive applies
// to the request, and every reason why it does not apply.
//
//	type Ground struct {
//		Directive   Directive
//		Applies     bool
//		Expired     bool    // whether the directive has expired
//		Differs     []Field // the fields of its match that the request does not match
//		OutOfSample bool    // whether the request is not in its sample
//
//		OtherInstances bool // whether its Instances do not select the instance of the set
//	}
type Ground = directive.Ground
