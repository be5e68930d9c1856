package directive

import (
	"cmp"
	"slices"
	"time"
)

// program is a set compiled for evaluation: its directives as rules, those together that name the same tenant, index
// and principal, so that a request looks at no rule that names another.
//
// Up to smallSet rules, comparing names costs less than looking them up: a small program is one list of rules with
// their matches.
type program struct {
	rules []rule
	// last is when the last rule expires.
	last time.Duration

	// matches are those of the rules of a small program; nil in others.
	matches []Match

	// What follows is of programs that are not small. everything is the group of the rules that name nothing, nil if
	// there are none. The maps give the groups by the one name that their rules have, and several those whose rules have more.
	everything               *group
	groups                   []group
	tenant, index, principal map[string]int32
	several                  []combination
}

// smallSet is the number of rules up to which names are compared instead of looked up.
const smallSet = 8

// rule is what evaluation needs of a directive once it is known that the names match.
type rule struct {
	expiry   time.Duration // since the epoch
	index    int32         // of the directive
	sample   uint16
	level    Level
	endpoint Endpoint
	flags    flags
	// rest are the flags of this rule and of all that follow in its list.
	rest flags
}

type flags uint8

const (
	ringBuffer flags = 1 << iota
	capture
)

// group holds the rules that name the same tenant, index and principal. Each list goes from the highest level to the
// lowest, and in the order of the set within a level.
type group struct {
	// list has all of the rules of a group of up to smallSet, and those for any endpoint of a larger one, which has the
	// others by their endpoint.
	list       []rule
	byEndpoint *[Unknown + 1][]rule
}

// combination is the groups whose rules name the same two or three of tenant, index and principal.
type combination struct {
	tenant, index, principal bool
	groups                   map[names]int32
}

// names are what a rule names, empty where it does not.
type names struct{ tenant, index, principal string }

// compile leaves out what can never decide anything: directives at Off that ask for nothing else, and empty samples.
func compile(directives []Directive) program {
	p := program{rules: make([]rule, 0, len(directives))}
	for i := range directives {
		d := &directives[i]
		r := rule{
			expiry: sinceUnixZero(d.ExpiresAt), index: int32(i), sample: uint16(d.SamplePerMille), level: d.Level,
			endpoint: d.Match.Endpoint,
		}
		if d.RingBuffer {
			r.flags |= ringBuffer
		}
		if d.Capture {
			r.flags |= capture
		}
		if r.sample == 0 || r.level == Off && r.flags == 0 {
			continue
		}
		p.last = max(p.last, r.expiry)
		p.rules = append(p.rules, r)
	}
	if len(p.rules) <= smallSet {
		p.compileSmall(directives)
	} else {
		p.compileGroups(directives)
	}
	return p
}

func (p *program) compileSmall(directives []Directive) {
	order(p.rules)
	p.matches = make([]Match, len(p.rules))
	for i, r := range p.rules {
		p.matches[i] = directives[r.index].Match
	}
}

// order sorts a list as evaluation wants it.
func order(list []rule) {
	if len(list) == 1 {
		list[0].rest = list[0].flags
		return
	}
	slices.SortStableFunc(list, func(a, b rule) int { return cmp.Compare(b.level, a.level) })
	var rest flags
	for i := len(list) - 1; i >= 0; i-- {
		rest |= list[i].flags
		list[i].rest = rest
	}
}

func (p *program) compileGroups(directives []Directive) {
	of := make([]int32, len(p.rules)) // the group of each rule; 0 is that of everything
	sizes := []int32{0}
	for i := range p.rules {
		of[i] = p.groupOf(&directives[p.rules[i].index].Match, int32(len(sizes)), len(p.rules)-i)
		if int(of[i]) == len(sizes) {
			sizes = append(sizes, 0)
		}
		sizes[of[i]]++
	}
	// The rules of a group come to stand together, in the order of the set.
	ends := make([]int32, len(sizes))
	sum := int32(0)
	for g, size := range sizes {
		ends[g] = sum
		sum += size
	}
	sorted := make([]rule, len(p.rules))
	for i, r := range p.rules {
		sorted[ends[of[i]]] = r
		ends[of[i]]++
	}
	p.rules = sorted
	p.groups = make([]group, len(sizes))
	for g := range p.groups {
		p.groups[g] = newGroup(sorted[ends[g]-sizes[g] : ends[g] : ends[g]])
	}
	if sizes[0] > 0 {
		p.everything = &p.groups[0]
	}
}

// groupOf returns the number of the group of the rules that name what m names: next if there is none yet. As many rules
// as left are still to come.
func (p *program) groupOf(m *Match, next int32, left int) int32 {
	switch (names{m.Tenant, m.Index, m.Principal}) {
	case names{}:
		return 0
	case names{tenant: m.Tenant}:
		return numberOf(&p.tenant, m.Tenant, next, left)
	case names{index: m.Index}:
		return numberOf(&p.index, m.Index, next, left)
	case names{principal: m.Principal}:
		return numberOf(&p.principal, m.Principal, next, left)
	}
	named := combination{tenant: m.Tenant != "", index: m.Index != "", principal: m.Principal != ""}
	for i := range p.several {
		c := &p.several[i]
		if c.tenant == named.tenant && c.index == named.index && c.principal == named.principal {
			return numberOf(&c.groups, names{m.Tenant, m.Index, m.Principal}, next, left)
		}
	}
	p.several = append(p.several, named)
	return numberOf(&p.several[len(p.several)-1].groups, names{m.Tenant, m.Index, m.Principal}, next, left)
}

// numberOf returns the number under the key, which is next if there was none. The first call makes the map for as many
// keys as there are rules to come.
func numberOf[K comparable](groups *map[K]int32, key K, next int32, size int) int32 {
	if *groups == nil {
		*groups = make(map[K]int32, size)
	}
	if n, ok := (*groups)[key]; ok {
		return n
	}
	(*groups)[key] = next
	return next
}

func newGroup(rules []rule) group {
	if len(rules) <= smallSet {
		order(rules)
		return group{list: rules}
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(a.endpoint, b.endpoint) })
	g := group{byEndpoint: new([Unknown + 1][]rule)}
	for len(rules) > 0 {
		e, n := rules[0].endpoint, 1
		for n < len(rules) && rules[n].endpoint == e {
			n++
		}
		order(rules[:n])
		g.byEndpoint[e] = rules[:n:n]
		rules = rules[n:]
	}
	g.list = g.byEndpoint[AnyEndpoint]
	return g
}

// shorten gives each rule another expiry.
func (p *program) shorten(expiry func(*rule) time.Duration) {
	p.last = 0
	for i := range p.rules {
		p.rules[i].expiry = expiry(&p.rules[i])
		p.last = max(p.last, p.rules[i].expiry)
	}
}
