package vectors

import (
	"fmt"
)

var (
	webInstance   = instance{"web-1", map[string]string{"zone": "eu", "build": "77"}}
	someInstances = []*instance{
		nil,
		{Name: "web-1"},
		&webInstance,
		{"web-2", map[string]string{"zone": "eu"}},
		{"web-2", map[string]string{"zone": "us", "build": "77"}},
		{"WEB-1", map[string]string{"Zone": "eu"}},
		{"other", map[string]string{"zone": "EU", "build": ""}},
	}
)

// instanceSets are sets whose directives concern some instances only.
func instanceSets() (all []decidedSet) {
	for _, s := range []struct {
		name, rule string
		in         *instances
	}{
		{"no instances", "I1", nil},
		{"one name", "I2", &instances{Names: []string{"web-1"}}},
		{"two names", "I2", &instances{Names: []string{"web-2", "other"}}},
		{"one label", "I3", &instances{Labels: map[string]string{"zone": "eu"}}},
		{"two labels", "I3", &instances{Labels: map[string]string{"zone": "eu", "build": "77"}}},
		{"a label and a name", "I5", &instances{Names: []string{"web-2"}, Labels: map[string]string{"zone": "eu"}}},
		{"all of per_mille", "I5", &instances{PerMille: pointer(1000)}},
		{"none of per_mille", "I4", &instances{PerMille: pointer(0)}},
		{"a name and per_mille", "I4", &instances{Names: []string{"web-1"}, PerMille: pointer(bucket("web-1") + 1)}},
		{"a name and less per_mille", "I4", &instances{Names: []string{"web-1"}, PerMille: pointer(bucket("web-1"))}},
	} {
		set := decidedSet{name: s.name, rule: s.rule}
		set.directives = []directive{dir("all", "Off"), dir("some", "ShapeTiming", func(d *directive) { d.Instances, d.Capture = s.in, true })}
		for i, in := range someInstances {
			set.questions = append(set.questions, asked{fmt.Sprintf("instance %d", i), question{now: now, instance: in, request: request{ID: "1"}}})
		}
		all = append(all, set)
	}
	for _, perMille := range []int{1, 500, 999} {
		set := decidedSet{name: fmt.Sprintf("per_mille %d", perMille), rule: "I4"}
		set.directives = []directive{dir("some", "Shape", func(d *directive) { d.Instances = &instances{PerMille: &perMille} })}
		for _, b := range []int{0, 1, 499, 500, 998, 999} {
			in := &instance{Name: withBucket("web", b)}
			set.questions = append(set.questions, asked{fmt.Sprintf("bucket %d", b), question{now: now, instance: in, request: request{ID: "1"}}})
		}
		set.questions = append(set.questions, asked{"no instance", at(request{ID: "1"})})
		all = append(all, set)
	}
	return append(all, sharesInSamples())
}

// sharesInSamples tells the bucket of the request from that of the instance.
func sharesInSamples() decidedSet {
	set := decidedSet{name: "per_mille of the instances and of the requests", rule: "I4 S2"}
	set.directives = []directive{dir("some", "Shape", func(d *directive) {
		d.SamplePerMille, d.Instances = 100, &instances{PerMille: pointer(900)}
	})}
	for _, r := range []int{99, 100, 899, 900} {
		for _, i := range []int{99, 100, 899, 900} {
			in := &instance{Name: withBucket("web", i)}
			q := question{now: now, instance: in, request: request{ID: withBucket("req", r)}}
			set.questions = append(set.questions, asked{fmt.Sprintf("request %d, instance %d", r, i), q})
		}
	}
	return set
}

// shape says which parts of a random set vary, so that a line tests few rules. Without levels,
// the directives have different levels and no flags.
type shape struct {
	name                                       string
	fields, levels, samples, expiries, placing bool
	sets, directives, requests                 int
}

var randomShapes = []shape{
	{name: "matches", fields: true, sets: 12, directives: 3, requests: 20},
	{name: "levels", levels: true, sets: 60, directives: 5, requests: 1},
	{name: "samples", samples: true, sets: 5, directives: 3, requests: 20},
	{name: "expiries", expiries: true, sets: 5, directives: 3, requests: 12},
	{name: "instances", placing: true, sets: 10, directives: 3, requests: 10},
	{name: "many matches", fields: true, levels: true, sets: 3, directives: 60, requests: 30},
	{name: "everything", fields: true, levels: true, samples: true, expiries: true, placing: true, sets: 8, directives: 12, requests: 25},
}

// randomSets returns sets of random directives, with random requests.
func randomSets() (all []decidedSet) {
	for i, s := range randomShapes {
		r := random(100 + i)
		for n := range s.sets {
			set := decidedSet{name: fmt.Sprintf("random %s %d", s.name, n)}
			for d := range s.directives {
				set.directives = append(set.directives, s.directive(&r, d))
			}
			for q := range s.requests {
				set.questions = append(set.questions, asked{fmt.Sprintf("request %d", q), s.question(&r)})
			}
			all = append(all, set)
		}
	}
	return all
}

func (s *shape) directive(r *random, i int) directive {
	d := dir(fmt.Sprintf("%c%d", 'a'+r.below(26), i), levels[1+i%3])
	if s.levels {
		d.Level, d.RingBuffer, d.Capture = oneOf(r, levels...), r.below(4) == 0, r.below(4) == 0
	}
	if s.fields {
		d.Tenant, d.Index = oneOf(r, "", "", "acme", "umbrella"), oneOf(r, "", "", "orders", "logs")
		d.Principal, d.Endpoint = oneOf(r, "", "", "", "svc"), oneOf(r, "", "", "", "Search", "Unknown", "GetById")
	}
	if s.samples {
		d.SamplePerMille = oneOf(r, 0, 1, 250, 500, 900, 999, 1000)
	}
	if s.expiries {
		d.ExpiresAt = now + int64(r.below(5)) - 2
	}
	if s.placing && r.below(4) > 0 {
		d.Instances = oneOf(r,
			&instances{Names: []string{"web-1"}}, &instances{Names: []string{"web-2", "other"}},
			&instances{Labels: map[string]string{"zone": "eu"}}, &instances{Labels: map[string]string{"zone": "us", "build": "77"}},
			&instances{PerMille: pointer(oneOf(r, 0, 300, 600, 1000))},
			&instances{Names: []string{"web-1", "web-2"}, Labels: map[string]string{"zone": "eu"}},
		)
	}
	return d
}

func (s *shape) question(r *random) question {
	q := question{now: now, request: request{
		Tenant: oneOf(r, "", "acme", "acme", "umbrella", "ACME"), Index: oneOf(r, "", "orders", "orders", "logs"),
		Principal: oneOf(r, "", "svc", "other"), Endpoint: oneOf(r, "", "Search", "Search", "Unknown", "GetById", "Admin"),
		ID: fmt.Sprintf("%x", r.next()),
	}}
	if s.expiries {
		q.now += int64(r.below(5)) - 2
	}
	if s.placing {
		q.instance = someInstances[r.below(len(someInstances))]
	}
	return q
}
