package directive

import (
	"math"
	"time"
)

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
	bucket int16 // of the request's id; -1 until it is needed
	by     int32 // the index of the directive that gave the level

	elapsed time.Duration
}

func newEvaluation() evaluation { return evaluation{bucket: -1, by: math.MaxInt32} }

// evaluate begins an evaluation for a request only once a rule concerns it: most requests are such that none does, and
// those are to cost the least.
func (s *Set) evaluate(req *Request, c clock) (d Decision, over bool) {
	p := &s.program
	if p.matches == nil {
		return s.evaluateGroups(req, c)
	}
	for i := range p.matches {
		m := &p.matches[i]
		// Most differ in length already, which takes no call.
		if len(m.Tenant) != len(req.Tenant) && m.Tenant != "" || len(m.Index) != len(req.Index) && m.Index != "" {
			continue
		}
		if p.rules[i].wants(req.Endpoint) && m.matches(req) {
			return s.evaluateSmall(req, c, i)
		}
	}
	return Decision{}, false
}

// evaluateSmall evaluates a small program from its rule number first, which matches.
func (s *Set) evaluateSmall(req *Request, c clock, first int) (d Decision, over bool) {
	p := &s.program
	e := newEvaluation()
	for i := first; i < len(p.matches); i++ {
		r := &p.rules[i]
		if !e.adds(r) {
			if e.done(r) {
				break
			}
			continue
		}
		if r.wants(req.Endpoint) && (i == first || p.matches[i].matches(req)) && !e.visit(s, r, req, c) {
			break
		}
	}
	return e.decision(s), e.over
}

func (s *Set) evaluateGroups(req *Request, c clock) (d Decision, over bool) {
	g, next := s.program.find(req, inEverything)
	if g == nil {
		return Decision{}, false
	}
	e := newEvaluation()
	for ; g != nil && !e.over; g, next = s.program.find(req, next) {
		e.visitList(s, g.list, req, c)
		if g.byEndpoint != nil {
			e.visitList(s, g.of(req.Endpoint), req, c)
		}
	}
	return e.decision(s), e.over
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

func (e *evaluation) visitList(s *Set, list []rule, req *Request, c clock) {
	for i := range list {
		r := &list[i]
		if !e.adds(r) {
			if e.done(r) {
				return
			}
			continue
		}
		if r.wants(req.Endpoint) && !e.visit(s, r, req, c) {
			return
		}
	}
}

// wants reports whether the rule concerns requests to that endpoint.
func (r *rule) wants(endpoint Endpoint) bool {
	return r.endpoint == AnyEndpoint || r.endpoint == endpoint || r.endpoint == Unknown && endpoint == AnyEndpoint
}

// visit takes in a rule that matches and would add to the decision, if the request is in its sample and it has not
// expired. It returns false once all rules have.
func (e *evaluation) visit(s *Set, r *rule, req *Request, c clock) bool {
	if r.sample != 1000 {
		if e.bucket < 0 {
			e.bucket = int16(SampleBucket(req.ID))
		}
		if e.bucket >= int16(r.sample) {
			return true
		}
	}
	if !e.timed {
		e.timed, e.elapsed = true, c.elapsed(s)
		e.over = e.elapsed >= s.program.last
	}
	if e.elapsed >= r.expiry {
		return !e.over
	}
	if r.level > e.level || r.level == e.level && r.index < e.by {
		e.level, e.by = r.level, r.index
	}
	e.got |= r.flags
	return true
}

// adds reports whether the rule would change the decision.
func (e *evaluation) adds(r *rule) bool {
	return r.level > e.level || r.level == e.level && r.level != Off && r.index < e.by || r.flags&^e.got != 0
}

// done reports whether neither the rule, which adds nothing, nor any that follows in its list can.
func (e *evaluation) done(r *rule) bool {
	return r.rest&^e.got == 0
}

func (e *evaluation) decision(s *Set) Decision {
	d := Decision{Level: e.level, RingBuffer: e.got&ringBuffer != 0, Capture: e.got&capture != 0}
	if e.level != Off {
		d.By = s.directives[e.by].ID
	}
	return d
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
