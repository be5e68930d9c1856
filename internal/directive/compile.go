package directive

import (
	"cmp"
	"slices"
	"time"
)

// program is a set that is compiled for evaluation. Each directive is a rule. Rules that
// name the same tenant, index and principal form a group, so that a request visits only
// the groups whose names match.
//
// A program with at most smallSet rules is small. A small program is one list of rules
// with their filters and matches, because comparing a few filters costs less than map
// lookups.
type program struct {
	rules []rule
	// last is the expiry of the rule that expires last.
	last time.Duration

	// matches and filters hold the matches of the rules of a small program, and their
	// filters. They are nil in other programs. named has the bits of all fields that a rule
	// of the program names.
	matches []Match
	filters []filter
	named   uint64

	// The following fields are unset in a small program.

	// everything is the group of the rules without names. It is nil if there are no such
	// rules.
	everything *group
	groups     []group
	// tenant, index and principal map a name to the group whose rules have only that
	// name.
	tenant, index, principal map[string]uint16
	// several holds the groups whose rules have two or three names.
	several []combination
	// byEndpoint splits the rules of large groups by their endpoint.
	byEndpoint []endpointEnds
}

// smallSet is the largest number of rules of a small program.
const smallSet = 8

// rule holds the fields of a directive that evaluation needs after the names have
// matched.
type rule struct {
	expiry   time.Duration // since the epoch
	index    uint16        // the index of the directive
	sample   uint16
	level    Level
	endpoint Endpoint
	flags    flags
	// rest combines the flags of this rule and of all later rules in its list.
	rest flags
}

// group holds the rules that name the same tenant, index and principal. They are a list, a
// part of the rules of the program. Each list is sorted from the highest level to the
// lowest, and by the order of the set within a level.
//
// A group is large if it has more than smallSet rules. A large group has a list of the rules
// for any endpoint, and a list for each endpoint.
type group struct {
	// start and end are the bounds of the group's list, which in a large group is the list
	// of the rules for any endpoint.
	start, end uint16
	// large is 1 plus the group's index in program.byEndpoint. It is 0 if the group is not
	// large.
	large uint16
}

// endpointEnds holds the end of the list of each endpoint. The list begins at the end of the
// endpoint before.
type endpointEnds [Unknown + 1]uint16

// combination holds the groups whose rules name the same two or three of tenant, index
// and principal.
type combination struct {
	tenant, index, principal bool
	groups                   map[names]uint16
}

// names holds the names of a rule. An unset name is empty.
type names struct{ tenant, index, principal string }

// compile returns the program of the directives. It omits directives that can never
// change a decision: directives with the level Off and no flags, directives with a sample
// of 0 and, unless the program is for one instance, directives with [Instances].
func compile(directives *records, local bool) program {
	p := program{rules: make([]rule, 0, len(directives.list))}
	for i := range directives.list {
		d := &directives.list[i]
		r := rule{
			expiry: directives.expiry(i), index: uint16(i), sample: d.sample, level: d.level, endpoint: d.endpoint, flags: d.flags,
		}
		if !d.hasEffect() || !local && directives.detail(i).instances != nil {
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

// compileSmall sorts the rules of a small program, and adds their matches.
func (p *program) compileSmall(directives *records) {
	order(p.rules)
	p.matches = make([]Match, len(p.rules))
	p.filters = make([]filter, len(p.rules))
	for i, r := range p.rules {
		p.matches[i] = directives.match(int(r.index))
		p.filters[i] = newFilter(&p.matches[i])
		p.named |= p.filters[i].mask
	}
}

// order sorts a list of rules from the highest level to the lowest, and sets their rest.
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

// compileGroups sorts the rules into groups.
func (p *program) compileGroups(directives *records) {
	of := make([]uint16, len(p.rules)) // the group of each rule; group 0 is everything
	sizes := []uint16{0}
	for i := range p.rules {
		m := directives.match(int(p.rules[i].index))
		of[i] = p.groupOf(&m, uint16(len(sizes)), len(p.rules)-i)
		if int(of[i]) == len(sizes) {
			sizes = append(sizes, 0)
		}
		sizes[of[i]]++
	}
	// The rules are sorted by group, and within a group by the order of the set.
	ends := make([]uint16, len(sizes))
	sum := uint16(0)
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
		p.groups[g] = p.newGroup(ends[g]-sizes[g], ends[g])
	}
	if sizes[0] > 0 {
		p.everything = &p.groups[0]
	}
}

// groupOf returns the number of the group for the names of m. If there is no such group,
// groupOf assigns it the number next. left is the number of rules that are still to be
// sorted.
func (p *program) groupOf(m *Match, next uint16, left int) uint16 {
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

// numberOf returns the number of the key. If the key has no number, numberOf assigns it
// next. The first call makes the map with room for size keys.
func numberOf[K comparable](groups *map[K]uint16, key K, next uint16, size int) uint16 {
	if *groups == nil {
		*groups = make(map[K]uint16, size)
	}
	if n, ok := (*groups)[key]; ok {
		return n
	}
	(*groups)[key] = next
	return next
}

// newGroup returns the group of the rules from start to end, which it sorts for evaluation.
func (p *program) newGroup(start, end uint16) group {
	rules := p.rules[start:end]
	if len(rules) <= smallSet {
		order(rules)
		return group{start: start, end: end}
	}
	slices.SortStableFunc(rules, func(a, b rule) int { return cmp.Compare(a.endpoint, b.endpoint) })
	var ends endpointEnds
	for e := range ends {
		n := 0
		for n < len(rules) && int(rules[n].endpoint) == e {
			n++
		}
		order(rules[:n])
		rules = rules[n:]
		ends[e] = end - uint16(len(rules))
	}
	p.byEndpoint = append(p.byEndpoint, ends)
	return group{start: start, end: ends[AnyEndpoint], large: uint16(len(p.byEndpoint))}
}

// setExpiries replaces the rules of the program by rules with other expiries. Programs that
// share the rules stay as they are.
func (p *program) setExpiries(expiry func(*rule) time.Duration) {
	p.last, p.rules = 0, slices.Clone(p.rules)
	for i := range p.rules {
		p.rules[i].expiry = expiry(&p.rules[i])
		p.last = max(p.last, p.rules[i].expiry)
	}
}
