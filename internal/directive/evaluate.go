package directive

import "time"

// clock measures the time since a set's epoch. It measures it at the time now. If now is
// nil, it calls since to read the current time.
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

// evaluation is the state of the evaluation of one set for one request.
type evaluation struct {
	set *Set
	req *Request
	clock
	// meters limit and count what the directives apply to, unless they are nil.
	meters *meters

	elapsed time.Duration
	by      uint16 // the index of the directive that gave the level; unused if the level is Off
	bucket  int16  // the bucket of the request's id plus 1; 0 until it is needed
	level   Level
	got     flags
	timed   bool // elapsed is known
	over    bool // all rules have expired
	// spare is how many more rules are visited only to be counted.
	spare uint8
}

// maxSpare is how many rules that cannot change the decision an evaluation counts. The
// bound keeps a decision fast if thousands of directives match one request.
const maxSpare = 32

// evaluate implements [Set.Evaluate] and [EvaluateNow]. It is not inlined, so that its
// two callers can be inlined. The evaluation of an empty set then costs no call.
//
//go:noinline
func (s *Set) evaluate(req *Request, now *time.Time, since func(time.Time) time.Duration) Decision {
	p := &s.program
	e := evaluation{set: s, req: req, clock: clock{now, since}}
	if since != nil && s.meters != nil {
		e.meters, e.spare = s.meters, maxSpare
	}
	if p.filters != nil {
		key := p.key(req)
		for i := range p.filters {
			if f := &p.filters[i]; f.passes(key) && (!f.named() || p.matches[i].matches(req)) && !e.visit(&p.rules[i]) {
				break
			}
		}
	} else {
		e.visitGroups(p)
	}
	if e.over && since != nil {
		s.over.Store(true)
	}
	d := Decision{Level: e.level, RingBuffer: e.got&ringBuffer != 0, Capture: e.got&capture != 0}
	if e.level != Off {
		d.By = s.directives.ids[e.by]
	}
	return d
}

// visitGroups visits the groups whose names match. The order of the lists does not matter.
func (e *evaluation) visitGroups(p *program) {
	for g, next := p.find(e.req, inEverything); g != nil && !e.over; g, next = p.find(e.req, next) {
		if g.large != 0 {
			start, end := p.byEndpoint[g.large-1].of(e.req.Endpoint)
			e.visitAll(p.rules[start:end])
		}
		for i := int(g.start); i < int(g.end); i++ {
			if r := &p.rules[i]; r.wants(e.req.Endpoint) && !e.visit(r) {
				break
			}
		}
	}
}

// of returns the bounds of the list for one endpoint.
func (ends *endpointEnds) of(endpoint Endpoint) (start, end uint16) {
	switch {
	case endpoint == AnyEndpoint:
		endpoint = Unknown
	case endpoint > Unknown:
		return 0, 0
	}
	return ends[endpoint-1], ends[endpoint]
}

// visitAll visits the rules of a list, whose names match.
func (e *evaluation) visitAll(list []rule) {
	for i := range list {
		if r := &list[i]; r.wants(e.req.Endpoint) && !e.visit(r) {
			break
		}
	}
}

// visit applies a rule that matches the request, unless the rule cannot change the
// decision, does not have the request in its sample, has expired, or has reached its limit.
// It returns false if no later rule of the same list is to be visited.
func (e *evaluation) visit(r *rule) bool {
	raises := r.level > e.level || r.level == e.level && e.level != Off && r.index < e.by
	if !raises && r.flags&^e.got == 0 {
		if e.spare == 0 {
			return r.rest&^e.got != 0 // no later rule has a higher level
		}
		e.spare--
	}
	if r.sample != 1000 {
		if e.bucket == 0 {
			e.bucket = int16(SampleBucket(e.req.ID)) + 1
		}
		if e.bucket > int16(r.sample) {
			return true
		}
	}
	if !e.timed {
		e.timed, e.elapsed = true, e.clock.elapsed(e.set)
		e.over = e.elapsed >= e.set.program.last
	}
	if e.elapsed >= r.expiry {
		return !e.over
	}
	if e.meters != nil && !e.meters.admit(e, r) {
		return true
	}
	if raises {
		e.level, e.by = r.level, r.index
	}
	e.got |= r.flags
	return true
}

// wants reports whether the rule matches requests to the endpoint.
func (r *rule) wants(endpoint Endpoint) bool {
	return r.endpoint == AnyEndpoint || r.endpoint == endpoint || r.endpoint == Unknown && endpoint == AnyEndpoint
}

// The places that find visits, in this order. Place inSeveral+i is combination i.
const (
	inEverything = iota
	inTenant
	inIndex
	inPrincipal
	inSeveral
)

// find returns the next group whose names match the request, and the place after it. It
// starts at place. It returns nil if there are no more groups.
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

// find returns the number of the group whose names match the request.
func (c *combination) find(req *Request) (uint16, bool) {
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
	// If the request does not have one of these names, the lookup finds no group, because
	// every rule of the combination has all of them.
	g, ok := c.groups[key]
	return g, ok
}

// matches reports whether the names match the request. The endpoint is compared by
// rule.wants.
func (m *Match) matches(req *Request) bool {
	return (m.Tenant == "" || m.Tenant == req.Tenant) &&
		(m.Index == "" || m.Index == req.Index) &&
		(m.Principal == "" || m.Principal == req.Principal)
}
