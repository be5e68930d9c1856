package vectors

import (
	"fmt"
	"slices"
)

// now is when most requests are decided. All directives of dir expire later.
const now = publishedAt

// dir returns a directive that matches every request.
func dir(id, level string, changes ...func(*directive)) directive {
	d := directive{ID: id, Level: level, SamplePerMille: 1000, ExpiresAt: expiresAt}
	for _, change := range changes {
		change(&d)
	}
	return d
}

func at(r request) question { return question{now: now, request: r} }

// smallSets are sets that each test one rule.
func smallSets() []decidedSet {
	return slices.Concat(matchSets(), levelSets(), sampleSets(), expirySets(), []decidedSet{largestSet()})
}

// names are names of a request that a directive for "acme" must tell apart.
var names = []string{
	"acme", "", "Acme", "ACME", "acm", "acme ", " acme", "acmes", "acne", "acme\x00", "*", "e\u0301", "\u00e9", "default", "other",
}

func matchSets() (all []decidedSet) {
	everything := decidedSet{"everything", "M1", []directive{dir("a", "Shape")}, nil}
	empty := decidedSet{"no directives", "M5", nil, []asked{{"any request", at(request{Tenant: "acme", ID: "1"})}, {"no fields", at(request{})}}}
	for _, name := range names {
		r := request{Tenant: name, Index: name, Principal: name, ID: name}
		everything.questions = append(everything.questions, asked{fmt.Sprintf("names %+q", name), at(r)})
	}
	for _, field := range []struct {
		name string
		set  func(d *directive, r *request, name string)
	}{
		{"tenant", func(d *directive, r *request, name string) { d.Tenant, r.Tenant = "acme", name }},
		{"index", func(d *directive, r *request, name string) { d.Index, r.Index = "acme", name }},
		{"principal", func(d *directive, r *request, name string) { d.Principal, r.Principal = "acme", name }},
	} {
		d := dir("a", "Shape")
		s := decidedSet{name: field.name, rule: "M2"}
		for _, name := range names {
			r := request{ID: "1", Endpoint: "Search"}
			field.set(&d, &r, name)
			s.questions = append(s.questions, asked{fmt.Sprintf("%+q", name), at(r)})
			for _, other := range []request{{Tenant: name, Index: "x"}, {Index: name, Principal: "x"}, {Principal: name, Tenant: "x"}} {
				s.questions = append(s.questions, asked{fmt.Sprintf("%+v", other), at(other)})
			}
		}
		s.directives = []directive{d}
		all = append(all, s)
	}
	accent := decidedSet{"a name with an accent", "M2", []directive{dir("a", "Shape", func(d *directive) { d.Tenant = "\u00e9" })}, nil}
	for _, name := range names {
		accent.questions = append(accent.questions, asked{fmt.Sprintf("%+q", name), at(request{Tenant: name})})
	}
	return append(all, everything, empty, accent, endpointSet(), wholeMatchSet())
}

// endpointSet has a directive for each endpoint.
func endpointSet() decidedSet {
	s := decidedSet{name: "endpoints", rule: "M3"}
	for _, endpoint := range endpoints {
		s.directives = append(s.directives, dir("for "+endpoint, "Shape", func(d *directive) { d.Endpoint = endpoint }))
		s.questions = append(s.questions, asked{endpoint, at(request{Endpoint: endpoint})})
	}
	for _, other := range []string{"search", "SEARCH", "Any", "Scroll", "GetByID"} {
		s.questions = append(s.questions, asked{"no endpoint of the table: " + other, at(request{Endpoint: other})})
	}
	s.questions = append(s.questions, asked{"no endpoint", at(request{})}, asked{"no endpoint, with a tenant", at(request{Tenant: "acme"})})
	return s
}

// wholeMatchSet has one directive with all fields.
func wholeMatchSet() decidedSet {
	d := dir("a", "Shape", func(d *directive) { d.Tenant, d.Index, d.Principal, d.Endpoint = "t", "i", "p", "Count" })
	s := decidedSet{"all fields", "M2", []directive{d}, nil}
	for bits := range 16 {
		r := request{Tenant: "t", Index: "i", Principal: "p", Endpoint: "Count", ID: "1"}
		for i, field := range []*string{&r.Tenant, &r.Index, &r.Principal, &r.Endpoint} {
			if bits>>i&1 == 1 {
				*field = []string{"T", "", "i", "Search"}[i]
			}
		}
		s.questions = append(s.questions, asked{fmt.Sprintf("%04b of the fields differ", bits), at(r)})
	}
	swapped := request{Tenant: "i", Index: "p", Principal: "t", Endpoint: "Count"}
	s.questions = append(s.questions, asked{"the names of other fields", at(swapped)})
	return s
}

func levelSets() (all []decidedSet) {
	request1 := []asked{{"a request", at(request{Tenant: "acme", ID: "1"})}, {"no fields", at(request{})}}
	add := func(name, rule string, directives ...directive) {
		all = append(all, decidedSet{name, rule, directives, request1})
	}
	for i, first := range levels {
		for j, second := range levels {
			rule := "M5"
			if i == j {
				rule = "M6"
			}
			add(first+", then "+second, rule, dir("first", first), dir("second", second))
		}
	}
	add("ties between others", "M6", dir("z", "Off"), dir("y", "Shape"), dir("x", "ShapeTiming"), dir("w", "ShapeTiming"), dir("v", "Shape"))
	add("ids in another order than the set", "M6", dir("b", "Shape"), dir("a", "Shape"), dir("c", "Shape"))
	add("the first of a level does not match", "M6", dir("a", "Shape", func(d *directive) { d.Tenant = "x" }), dir("b", "Shape"))
	flag := func(ring, capture bool) func(*directive) {
		return func(d *directive) { d.RingBuffer, d.Capture = ring, capture }
	}
	for _, level := range levels {
		add("flags of level "+level, "M7", dir("a", "ShapeRewriteDiff"), dir("b", level, flag(true, true)))
		add("ring buffer of level "+level+" first", "M7", dir("a", level, flag(true, false)), dir("b", "ShapeRewriteDiff"))
		add("capture of level "+level+" alone", "M7", dir("a", level, flag(false, true)))
	}
	add("flags of two directives", "M7", dir("a", "Off", flag(true, false)), dir("b", "Shape"), dir("c", "Off", flag(false, true)))
	add("flags of a directive that does not match", "M7", dir("a", "Shape"),
		dir("b", "Off", flag(true, true), func(d *directive) { d.Tenant = "x" }))
	add("flags of a tie", "M7", dir("a", "Shape"), dir("b", "Shape", flag(true, true)))
	return all
}

// sampleSets has a set for each sample, with ids at its boundary.
func sampleSets() (all []decidedSet) {
	for _, sample := range []int{0, 1, 2, 10, 37, 38, 100, 499, 500, 501, 999, 1000} {
		s := decidedSet{name: fmt.Sprintf("a sample of %d", sample), rule: "S2"}
		s.directives = []directive{dir("a", "Shape", func(d *directive) { d.SamplePerMille = sample })}
		for _, b := range []int{0, 1, sample - 2, sample - 1, sample, sample + 1, 499, 500, 998, 999} {
			if b >= 0 && b <= 999 {
				s.questions = append(s.questions, asked{fmt.Sprintf("bucket %d, %d", b, len(s.questions)), at(request{ID: withBucket("req", b)})})
			}
		}
		s.questions = append(s.questions, asked{"no id, which has bucket 37", at(request{})},
			asked{"1 KiB", at(request{ID: letters(1024)})}, asked{"UTF-8", at(request{ID: "日本語"})})
		all = append(all, s)
	}
	nested := decidedSet{name: "samples in each other", rule: "S2"}
	for i, sample := range []int{1000, 500, 100, 10} {
		nested.directives = append(nested.directives, dir(fmt.Sprint(sample), levels[min(3, i)], func(d *directive) {
			d.SamplePerMille, d.RingBuffer = sample, sample == 10
		}))
	}
	for _, b := range boundaries {
		nested.questions = append(nested.questions, asked{fmt.Sprintf("bucket %d", b), at(request{ID: withBucket("req", b)})})
	}
	return append(all, nested)
}

// expirySets are decided around the ends of their directives. The last end is in the year 2255,
// because T5 rejects a clock after 2261.
func expirySets() []decidedSet {
	ends := []int64{1, 1000, now, now + 1, now + 1000, 1<<32 - 1, 1 << 32, 9_000_000_000_000}
	all := make([]decidedSet, 0, len(ends)+1)
	for _, end := range ends {
		s := decidedSet{name: fmt.Sprintf("an end at %d", end), rule: "T1"}
		s.directives = []directive{dir("a", "Shape", func(d *directive) { d.ExpiresAt = end })}
		for _, late := range []int64{-1000, -2, -1, 0, 1, 2, 1000} {
			if t := end + late; t > 0 {
				s.questions = append(s.questions, asked{fmt.Sprintf("%+d ms", late), question{now: t, request: request{ID: "1"}}})
			}
		}
		all = append(all, s)
	}
	stairs := decidedSet{name: "ends one after another", rule: "T1"}
	for i := range 4 {
		stairs.directives = append(stairs.directives, dir(fmt.Sprint(i), levels[3-i], func(d *directive) {
			d.ExpiresAt, d.Capture = now+int64(i), i == 3
		}))
	}
	for late := range int64(6) {
		stairs.questions = append(stairs.questions, asked{fmt.Sprintf("%+d ms", late-1), question{now: now + late - 1}})
	}
	return append(all, stairs)
}

// largestSet has as many directives as a set may have.
func largestSet() decidedSet {
	all := manyDirectives(10_000)
	last := &all[9_999]
	last.Level, last.SamplePerMille, last.ExpiresAt = "Shape", 1000, maxMillis
	return decidedSet{"10000 directives", "V7", all, []asked{{"the last one", at(request{})}}}
}
