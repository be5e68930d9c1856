package vectors

import (
	"slices"
	"strings"
)

// decided is a line of decisions.jsonl: a set, or a request with its decision.
type decided struct {
	vector
	Set      string    `json:"set"`
	Value    hexBytes  `json:"value_hex,omitempty"`
	Now      int64     `json:"now,omitempty"`
	Instance *instance `json:"instance,omitempty"`
	Request  *request  `json:"request,omitempty"`
	Decision *decision `json:"decision,omitempty"`
}

// rules are the rules of a decision. A variant breaks one of them, to find the requests that
// tell it from the rules.
type rules struct {
	// applies reports whether a directive applies to a request, see applies.
	applies func(d *directive, q *question) bool
	// raises reports whether a directive that applies gives the level, after one with the level best.
	raises func(level, best int) bool
	// flags reports whether the flags of a directive count, if the decision has the level best.
	flags func(level, best int) bool
}

// question is what a set is asked.
type question struct {
	now      int64
	instance *instance
	request
}

// theRules are those of the specification.
var theRules = rules{
	applies: applies,
	raises:  func(level, best int) bool { return level > best },
	flags:   func(int, int) bool { return true },
}

// applies says whether a directive applies to a request (M4), without regard to limits.
func applies(d *directive, q *question) bool {
	return matches(d, &q.request) && includes(d, &q.request) && q.now < d.ExpiresAt && concerns(d.Instances, q.instance)
}

// matches says whether the fields of a directive match (M1 to M3).
func matches(d *directive, r *request) bool {
	for _, name := range [][2]string{{d.Tenant, r.Tenant}, {d.Index, r.Index}, {d.Principal, r.Principal}} {
		if name[0] != "" && name[0] != name[1] {
			return false
		}
	}
	return d.Endpoint == "" || d.Endpoint == endpointOf(r)
}

func endpointOf(r *request) string {
	if !slices.Contains(endpoints, r.Endpoint) {
		return "Unknown"
	}
	return r.Endpoint
}

// includes says whether the sample includes a request (S2).
func includes(d *directive, r *request) bool { return bucket(r.ID) < d.SamplePerMille }

// concerns says whether a directive with these instances concerns an instance (I1 to I5).
func concerns(in *instances, i *instance) bool {
	if in == nil {
		return true
	}
	if i == nil || in.Names != nil && !slices.Contains(in.Names, i.Name) {
		return false
	}
	for name, want := range in.Labels {
		if have, ok := i.Labels[name]; !ok || have != want {
			return false
		}
	}
	return in.PerMille == nil || bucket(i.Name) < *in.PerMille
}

// decide scans all directives.
func (r rules) decide(set []directive, q *question) decision {
	best := 0
	var out decision
	for i := range set {
		d := &set[i]
		level := slices.Index(levels, d.Level)
		if r.applies(d, q) && r.raises(level, best) {
			best, out.By = level, d.ID
		}
	}
	out.Level = levels[best]
	if best == 0 {
		out.By = ""
	}
	for i := range set {
		d := &set[i]
		if r.applies(d, q) && r.flags(slices.Index(levels, d.Level), best) {
			out.RingBuffer = out.RingBuffer || d.RingBuffer
			out.Capture = out.Capture || d.Capture
		}
	}
	return out
}

// variant breaks a rule.
type variant struct {
	rule string
	rules
}

// withApplies returns the rules with another applies.
func withApplies(f func(d *directive, q *question) bool) rules {
	return changed(theRules, func(r *rules) { r.applies = f })
}

// variants break one rule each. A line tests the first rule whose variant decides otherwise.
var variants = []variant{
	{"T1", withApplies(func(d *directive, q *question) bool {
		later := changed(*q, func(q *question) { q.now -= 1 })
		return applies(d, &later)
	})},
	{"T1", withApplies(func(d *directive, q *question) bool {
		forever := changed(*d, func(d *directive) { d.ExpiresAt = maxMillis })
		return applies(&forever, q)
	})},
	{"I4", withApplies(func(d *directive, q *question) bool {
		return applies(changedInstances(d, func(in *instances) { in.PerMille = nil }), q)
	})},
	{"S2", withApplies(func(d *directive, q *question) bool {
		all := changed(*d, func(d *directive) { d.SamplePerMille = min(1, d.SamplePerMille) * 1000 })
		return applies(&all, q)
	})},
	{"I3", withApplies(func(d *directive, q *question) bool {
		return applies(changedInstances(d, func(in *instances) { in.Labels = nil }), q)
	})},
	{"I2", withApplies(func(d *directive, q *question) bool {
		return applies(changedInstances(d, func(in *instances) { in.Names = nil }), q)
	})},
	{"I5", withApplies(func(d *directive, q *question) bool {
		without := changed(*d, func(d *directive) { d.Instances = nil })
		return applies(&without, q)
	})},
	{"M6", changed(theRules, func(r *rules) { r.raises = func(level, best int) bool { return level >= best } })},
	{"M7", changed(theRules, func(r *rules) { r.flags = func(level, best int) bool { return level == best } })},
	{"M3", withApplies(func(d *directive, q *question) bool {
		without := changed(*d, func(d *directive) { d.Endpoint = "" })
		return applies(&without, q)
	})},
	{"M2", withApplies(func(d *directive, q *question) bool {
		without := changed(*d, func(d *directive) { d.Tenant, d.Index, d.Principal = "", "", "" })
		return applies(&without, q)
	})},
	{"M5", changed(theRules, func(r *rules) { r.raises = func(level, best int) bool { return best == 0 && level > 0 } })},
}

func changedInstances(d *directive, change func(*instances)) *directive {
	if d.Instances == nil {
		return d
	}
	out, in := *d, *d.Instances
	change(&in)
	out.Instances = &in
	return &out
}

// ruleOf returns the rule that a question tests.
func ruleOf(set []directive, q *question) string {
	want := theRules.decide(set, q)
	if rule := hashRule(set, q); rule != "" {
		return rule
	}
	for _, v := range variants {
		if v.decide(set, q) != want {
			return v.rule
		}
	}
	return "M1"
}

// hashRule returns S2 or I4 if the decision depends on a bucket, so that a program with another
// hash fails no lines of other rules.
func hashRule(set []directive, q *question) string {
	want := theRules.decide(set, q)
	for i, d := range set {
		other := slices.Clone(set)
		if 0 < d.SamplePerMille && d.SamplePerMille < 1000 {
			other[i].SamplePerMille = opposite(q.ID, d.SamplePerMille)
			if theRules.decide(other, q) != want {
				return "S2"
			}
		}
		if in := d.Instances; in != nil && q.instance != nil && in.PerMille != nil && 0 < *in.PerMille && *in.PerMille < 1000 {
			other[i] = *changedInstances(&d, func(o *instances) { o.PerMille = pointer(opposite(q.instance.Name, *in.PerMille)) })
			if theRules.decide(other, q) != want {
				return "I4"
			}
		}
	}
	return ""
}

// opposite returns a share that includes a text if and only if perMille does not.
func opposite(text string, perMille int) int {
	if bucket(text) < perMille {
		return 0
	}
	return 1000
}

// decisions returns the lines of decisions.jsonl.
func decisions() (all []decided) {
	for _, s := range slices.Concat(smallSets(), instanceSets(), randomSets()) {
		all = append(all, s.lines()...)
	}
	return all
}

// decidedSet is a set with what is asked of it. Without a rule, the lines name the rules that
// they tell apart.
type decidedSet struct {
	name, rule string
	directives []directive
	questions  []asked
}

type asked struct {
	name string
	question
}

func (s *decidedSet) lines() (all []decided) {
	rev := someRevision(s.directives...)
	all = append(all, decided{vector: vector{"set " + s.name, nil}, Set: s.name, Value: rev.pack()})
	used := make(map[string]bool)
	for _, a := range s.questions {
		rule := s.rule
		if rule == "" {
			rule = ruleOf(s.directives, &a.question)
		}
		for _, r := range strings.Fields(rule) {
			used[r] = true
		}
		d := theRules.decide(s.directives, &a.question)
		all = append(all, decided{
			vector: named(s.name+": "+a.name, rule), Set: s.name, Now: a.now, Instance: a.instance, Request: &a.request, Decision: &d,
		})
	}
	for _, r := range []string{"M1", "M2", "M3", "M5", "M6", "M7", "S2", "T1", "I1", "I2", "I3", "I4", "I5", "V7"} {
		if used[r] {
			all[0].Rules = append(all[0].Rules, r)
		}
	}
	return all
}
