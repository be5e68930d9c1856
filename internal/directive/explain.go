package directive

import "time"

// Explanation is a decision with its reasons.
type Explanation struct {
	Decision Decision
	// Bucket is the bucket of the request's id, 0 to 999. A directive whose
	// SamplePerMille is above the bucket includes the request.
	Bucket int
	// Directives holds a Ground for each directive of the set, in the order of the set.
	Directives []Ground
}

// Ground reports whether a directive applies to the request. If the directive does not
// apply, the other fields give every reason.
type Ground struct {
	Directive Directive
	// Applies reports whether the directive applies to the request.
	Applies bool
	// Expired reports whether the directive has ended.
	Expired bool
	// Differs lists the fields of the match that differ from the request.
	Differs []Field
	// OutOfSample reports whether the sample excludes the request's id.
	OutOfSample bool
	// OtherInstances reports whether the directive has Instances, but the set was not made
	// for one of them.
	OtherInstances bool
}

// Explain returns the decision of [Set.Evaluate] and the reasons for it. It does not regard
// MaxPerSecond. It visits every directive of the set, so it is too slow to be called for
// every request.
func (s *Set) Explain(req Request, now time.Time) Explanation {
	out := Explanation{Decision: s.Evaluate(req, now), Bucket: SampleBucket(req.ID)}
	if s.Len() == 0 {
		return out
	}
	elapsed := clock{now: &now}.elapsed(s)
	expiries := make([]time.Duration, s.Len())
	for i := range expiries {
		expiries[i] = s.directives.expiry(i)
	}
	for i := range s.program.rules {
		r := &s.program.rules[i]
		expiries[r.index] = r.expiry // an anchored set may have an earlier expiry
	}
	out.Directives = make([]Ground, s.Len())
	for i := range out.Directives {
		d := s.directives.directive(i)
		g := Ground{
			Directive: d, Expired: elapsed >= expiries[i], OutOfSample: out.Bucket >= d.SamplePerMille,
			Differs: d.Match.differences(&req), OtherInstances: d.Instances != nil && !s.local,
		}
		g.Applies = !g.Expired && !g.OutOfSample && len(g.Differs) == 0 && !g.OtherInstances
		out.Directives[i] = g
	}
	return out
}

// differences returns the fields of the match that differ from the request.
func (m *Match) differences(req *Request) (fields []Field) {
	for _, name := range []struct {
		field      Field
		want, have string
	}{
		{FieldTenant, m.Tenant, req.Tenant},
		{FieldIndex, m.Index, req.Index},
		{FieldPrincipal, m.Principal, req.Principal},
	} {
		if name.want != "" && name.want != name.have {
			fields = append(fields, name.field)
		}
	}
	if wanted := (&rule{endpoint: m.Endpoint}).wants(req.Endpoint); !wanted {
		fields = append(fields, FieldEndpoint)
	}
	return fields
}
