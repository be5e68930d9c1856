package directive

import "time"

// clock tells how long after a set's epoch it is: at a time that is given or, where that is nil, now.
type clock struct {
	now   *time.Time
	since func(time.Time) time.Duration
}

func (c clock) elapsed(s *Set) time.Duration {
	if c.now == nil {
		return c.since(s.epoch)
	}
	if !s.anchored {
		return sinceUnixZero(*c.now)
	}
	return c.now.Sub(s.epoch)
}

// evaluation is what is known so far of one request asked of one set.
type evaluation struct {
	level  Level
	got    flags
	timed  bool  // whether elapsed is known
	over   bool  // whether all rules have expired
	bucket int16 // of the request's id, plus 1; 0 until it is needed
	by     int32 // the index of the directive that gave the level; means nothing at Off

	elapsed time.Duration
}

// evaluate is Evaluate and EvaluateNow, by the clock. It is not inlined, so that they can be: an empty set then costs
// the caller no call.
//
//go:noinline
func (s *Set) evaluate(req *Request, now *time.Time, since func(time.Time) time.Duration) Decision {
	var e evaluation
	c := clock{now, since}
	if p := &s.program; p.matches != nil {
		for i := range p.matches {
			m := &p.matches[i]
			// Most names differ in length already, which takes no call.
			if len(m.Tenant) != len(req.Tenant) && m.Tenant != "" || len(m.Index) != len(req.Index) && m.Index != "" {
				continue
			}
			if m.matches(req) {
				e.visit(s, p.rules[i:], p.matches[i:], req, c)
				break
			}
		}
	} else {
		for g, next := p.find(req, inEverything); g != nil && !e.over; g, next = p.find(req, next) {
			e.visit(s, g.list, nil, req, c)
			if g.byEndpoint != nil {
				e.visit(s, g.of(req.Endpoint), nil, req, c)
			}
		}
	}
	if e.over && since != nil {
		s.over.Store(true)
	}
	d := Decision{Level: e.level, RingBuffer: e.got&ringBuffer != 0, Capture: e.got&capture != 0}
	if e.level != Off {
		d.By = s.directives[e.by].ID
	}
	return d
}

// of returns the rules for one endpoint.
func (g *group) of(endpoint Endpoint) []rule {
	switch {
	case endpoint == AnyEndpoint:
		endpoint = Unknown
	case endpoint > Unknown:
		return nil
	}
	return g.byEndpoint[endpoint]
}

// visit takes in those rules of a list that add to the decision, match, have the request in their sample and have not
// expired. The first is known to match, but for the endpoint, and so are all if there are no matches. All of it is in one function,
// and what changes often in variables, since this is what most of a request's time goes to.
func (e *evaluation) visit(s *Set, list []rule, matches []Match, req *Request, c clock) {
	level, by, got := e.level, e.by, e.got
	for i := range list {
		r := &list[i]
		raises := r.level > level || r.level == level && level != Off && r.index < by
		if !raises && r.flags&^got == 0 {
			if r.rest&^got == 0 {
				break // nor does any that follows: none has a higher level
			}
			continue
		}
		if !r.wants(req.Endpoint) || i > 0 && matches != nil && !matches[i].matches(req) {
			continue
		}
		if r.sample != 1000 {
			if e.bucket == 0 {
				e.bucket = int16(SampleBucket(req.ID)) + 1
			}
			if e.bucket > int16(r.sample) {
				continue
			}
		}
		if !e.timed {
			e.timed, e.elapsed = true, c.elapsed(s)
			e.over = e.elapsed >= s.program.last
		}
		if e.elapsed >= r.expiry {
			if e.over {
				break
			}
			continue
		}
		if raises {
			level, by = r.level, r.index
		}
		got |= r.flags
	}
	e.level, e.by, e.got = level, by, got
}

// wants reports whether the rule concerns requests to that endpoint.
func (r *rule) wants(endpoint Endpoint) bool {
	return r.endpoint == AnyEndpoint || r.endpoint == endpoint || r.endpoint == Unknown && endpoint == AnyEndpoint
}

// The places where find looks, in order; the combinations follow.
const (
	inEverything = iota
	inTenant
	inIndex
	inPrincipal
	inSeveral
)

// find returns the next group, from that place on, whose rules name what the request has, and the place after it; nil
// if there is none.
func (p *program) find(req *Request, place int) (*group, int) {
	switch place {
	case inEverything:
		if p.everything != nil {
			return p.everything, inTenant
		}
		fallthrough
	case inTenant:
		if p.tenant != nil && req.Tenant != "" {
			if g, ok := p.tenant[req.Tenant]; ok {
				return &p.groups[g], inIndex
			}
		}
		fallthrough
	case inIndex:
		if p.index != nil && req.Index != "" {
			if g, ok := p.index[req.Index]; ok {
				return &p.groups[g], inPrincipal
			}
		}
		fallthrough
	case inPrincipal:
		if p.principal != nil && req.Principal != "" {
			if g, ok := p.principal[req.Principal]; ok {
				return &p.groups[g], inSeveral
			}
		}
		place = inSeveral
	}
	for i := place - inSeveral; i < len(p.several); i++ {
		if g, ok := p.several[i].find(req); ok {
			return &p.groups[g], inSeveral + i + 1
		}
	}
	return nil, 0
}

func (c *combination) find(req *Request) (int32, bool) {
	var key names
	if c.tenant {
		key.tenant = req.Tenant
	}
	if c.index {
		key.index = req.Index
	}
	if c.principal {
		key.principal = req.Principal
	}
	// A request in which one of them is empty finds nothing: no rule of the combination has it empty.
	g, ok := c.groups[key]
	return g, ok
}

// matches compares the names; the endpoint is for wants.
func (m *Match) matches(req *Request) bool {
	return (m.Tenant == "" || m.Tenant == req.Tenant) &&
		(m.Index == "" || m.Index == req.Index) &&
		(m.Principal == "" || m.Principal == req.Principal)
}
