package directive

// Diff holds the differences between two sets. Directives are compared by id. The order
// of the directives does not matter.
type Diff struct {
	// Added holds the directives that only the newer set has, in its order.
	Added []Directive
	// Removed holds the directives that only the older set has, in its order.
	Removed []Directive
	// Changed holds the directives that differ, in the order of the newer set.
	Changed []Changed
}

// Changed is a directive that both sets have, with different fields.
type Changed struct {
	Before, After Directive
}

// DiffSets returns the changes that turn the set from into the set to. A nil set is
// empty.
func DiffSets(from, to *Set) Diff {
	var diff Diff
	if from == to {
		return diff
	}
	var before map[string]int32
	if from != nil {
		before = from.directives.byID()
	}
	for i := range to.Len() {
		after := to.directives.directive(i)
		old, had := before[after.ID]
		delete(before, after.ID)
		if !had {
			diff.Added = append(diff.Added, after)
		} else if d := from.directives.directive(int(old)); !d.Equal(after) {
			diff.Changed = append(diff.Changed, Changed{d, after})
		}
	}
	if len(before) > 0 {
		for i := range from.Len() {
			if _, gone := before[from.directives.ids[i]]; gone {
				diff.Removed = append(diff.Removed, from.directives.directive(i))
			}
		}
	}
	return diff
}

// Len returns the number of directives that differ.
func (d Diff) Len() int { return len(d.Added) + len(d.Removed) + len(d.Changed) }

// Equal reports whether all fields of both directives are equal. Two expiries are equal
// if they are the same instant, also in different time zones.
func (d Directive) Equal(other Directive) bool {
	same := d.ExpiresAt.Equal(other.ExpiresAt) && d.Instances.Equal(other.Instances)
	d.ExpiresAt, d.Instances = other.ExpiresAt, other.Instances
	return same && d == other
}

// Field is the name of a directive's field in a publish body.
type Field string

// The fields in which two directives with the same id can differ.
const (
	FieldLevel        Field = "level"
	FieldTenant       Field = "tenant"
	FieldIndex        Field = "index"
	FieldPrincipal    Field = "principal"
	FieldEndpoint     Field = "endpoint"
	FieldSample       Field = "sample_per_mille"
	FieldExpiresAt    Field = "expires_at"
	FieldRingBuffer   Field = "ring_buffer"
	FieldCapture      Field = "capture"
	FieldInstances    Field = "instances"
	FieldMaxPerSecond Field = "max_per_second"
)

// Fields returns the fields that changed.
func (c Changed) Fields() (fields []Field) {
	a, b := &c.Before, &c.After
	for _, f := range []struct {
		field  Field
		differ bool
	}{
		{FieldLevel, a.Level != b.Level},
		{FieldTenant, a.Match.Tenant != b.Match.Tenant},
		{FieldIndex, a.Match.Index != b.Match.Index},
		{FieldPrincipal, a.Match.Principal != b.Match.Principal},
		{FieldEndpoint, a.Match.Endpoint != b.Match.Endpoint},
		{FieldSample, a.SamplePerMille != b.SamplePerMille},
		{FieldExpiresAt, !a.ExpiresAt.Equal(b.ExpiresAt)},
		{FieldRingBuffer, a.RingBuffer != b.RingBuffer},
		{FieldCapture, a.Capture != b.Capture},
		{FieldInstances, !a.Instances.Equal(b.Instances)},
		{FieldMaxPerSecond, a.MaxPerSecond != b.MaxPerSecond},
	} {
		if f.differ {
			fields = append(fields, f.field)
		}
	}
	return fields
}
