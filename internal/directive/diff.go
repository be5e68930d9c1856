package directive

// Diff is what differs between two sets, by the ids of their directives. The order of a set is no difference.
type Diff struct {
	// Added and Changed are in the order of the newer set, Removed in that of the older.
	Added   []Directive
	Removed []Directive
	Changed []Changed
}

// Changed is a directive that both sets have, but not the same.
type Changed struct {
	Before, After Directive
}

// DiffSets returns what has to be done to from to make it to. A nil set is empty.
func DiffSets(from, to *Set) Diff {
	var diff Diff
	if from == to {
		return diff
	}
	before := make(map[string]*Directive, from.Len())
	if from != nil {
		for i := range from.directives {
			before[from.directives[i].ID] = &from.directives[i]
		}
	}
	if to != nil {
		for _, after := range to.directives {
			old, had := before[after.ID]
			delete(before, after.ID)
			switch {
			case !had:
				diff.Added = append(diff.Added, after)
			case !old.Equal(after):
				diff.Changed = append(diff.Changed, Changed{*old, after})
			}
		}
	}
	if len(before) > 0 {
		for _, d := range from.directives {
			if _, gone := before[d.ID]; gone {
				diff.Removed = append(diff.Removed, d)
			}
		}
	}
	return diff
}

// Len returns how many directives differ.
func (d Diff) Len() int { return len(d.Added) + len(d.Removed) + len(d.Changed) }

// Equal reports whether both directives say the same. Their expiries are the same if they are the same moment.
func (d Directive) Equal(other Directive) bool {
	sameEnd := d.ExpiresAt.Equal(other.ExpiresAt)
	d.ExpiresAt = other.ExpiresAt
	return sameEnd && d == other
}

// Field is one field of a directive, by the name that publish bodies give it.
type Field string

// The fields in which directives of the same id can differ.
const (
	FieldLevel      Field = "level"
	FieldTenant     Field = "tenant"
	FieldIndex      Field = "index"
	FieldPrincipal  Field = "principal"
	FieldEndpoint   Field = "endpoint"
	FieldSample     Field = "sample_per_mille"
	FieldExpiresAt  Field = "expires_at"
	FieldRingBuffer Field = "ring_buffer"
	FieldCapture    Field = "capture"
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
	} {
		if f.differ {
			fields = append(fields, f.field)
		}
	}
	return fields
}
