package directive

import "time"

// Explanation is a decision with its grounds.
type Explanation struct {
	Decision Decision
	// Bucket is that of the request's id, 0 to 999: samples above it include the request.
	Bucket int
	// Directives are those of the set, in its order.
	Directives []Ground
}

// Ground says whether one directive applies to the request and, if not, everything that stands against it.
type Ground struct {
	Directive Directive
	Applies   bool
	// Expired says that it has ended.
	Expired bool
	// Differs are the fields of its match that the request does not have so.
	Differs []Field
	// OutOfSample says that the request's bucket is not below SamplePerMille.
	OutOfSample bool
}

// Explain returns what Evaluate returns, and why. It looks at every directive: it is for operators, not for requests.
func (s *Set) Explain(req Request, now time.Time) Explanation {
	out := Explanation{Decision: s.Evaluate(req, now), Bucket: SampleBucket(req.ID)}
	if s.Len() == 0 {
		return out
	}
	elapsed := clock{now: &now}.elapsed(s)
	expiries := make([]time.Duration, len(s.directives))
	for i := range s.directives {
		expiries[i] = sinceUnixZero(s.directives[i].ExpiresAt)
	}
	for i := range s.program.rules {
		r := &s.program.rules[i]
		expiries[r.index] = r.expiry // which an anchored set may have brought forward
	}
	out.Directives = make([]Ground, len(s.directives))
	for i, d := range s.directives {
		g := Ground{
			Directive: d, Expired: elapsed >= expiries[i], OutOfSample: out.Bucket >= d.SamplePerMille,
			Differs: d.Match.differences(&req),
		}
		g.Applies = !g.Expired && !g.OutOfSample && len(g.Differs) == 0
		out.Directives[i] = g
	}
	return out
}

// differences returns the fields of the match that the request does not meet.
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
