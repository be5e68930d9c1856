package vectors

import (
	"fmt"
	"slices"
	"strings"
)

// withInstances returns a revision whose directive has the instances.
func withInstances(in instances) revision {
	return someRevision(changed(someDirective(), func(d *directive) { d.Instances = &in }))
}

func goodInstances() (all []value) {
	good := func(name string, in instances) {
		rev := withInstances(in)
		all = append(all, accepted("instances with "+name, "V6 V7", rev.pack(), rev))
	}
	good("one name", instances{Names: []string{"web-1"}})
	good("names that differ in case", instances{Names: []string{"a", "A"}})
	good("the first and the last character", instances{Names: []string{"!", "~"}})
	good("a name of 128 bytes", instances{Names: []string{letters(128)}})
	good("100 names", instances{Names: manyNames(100)})
	good("one label", instances{Labels: map[string]string{"zone": "eu"}})
	good("16 labels", instances{Labels: manyLabels(16)})
	good("the longest label", instances{Labels: map[string]string{letters(64): letters(256)}})
	good("a label of UTF-8", instances{Labels: map[string]string{"Größe 1": "\U0001f600"}})
	for _, n := range []int{0, 1, 500, 999, 1000} {
		good(fmt.Sprintf("per_mille %d", n), instances{PerMille: &n})
	}
	whole := instances{Names: []string{"web-1", "web-2"}, Labels: map[string]string{"a": "1", "b": "2"}, PerMille: pointer(100)}
	good("all keys", whole)
	reversed := whole.fields()
	slices.Reverse(reversed)
	all = append(all, accepted("keys of instances reversed", "V6",
		withOne2(someDirective().fields().with("instances", reversed.pack()).pack()).pack(), withInstances(whole)))
	labels := fields{{str("b"), str("2")}, {str("a"), str("1")}}
	all = append(all, accepted("labels in another order", "V6",
		withOne2(someDirective().fields().with("instances", whole.fields().with("labels", labels.pack()).pack()).pack()).pack(),
		withInstances(whole)))
	for _, width := range []int{2, 4} {
		f := whole.fields().with("labels", labels.packAs(width))
		f = f.with("names", slices.Concat(arrays.head(2, width), strOf("web-1", width), strOf("web-2", width)))
		f = f.with("per_mille", unsigned(100, width))
		all = append(all, accepted(fmt.Sprintf("instances in lengths of %d bytes", width), "V4",
			withOne2(someDirective().fields().with("instances", f.packAs(width)).pack()).pack(), withInstances(whole)))
	}
	for _, n := range []int{1, 2, 127, 128, 999_999, 1_000_000} {
		rev := someRevision(changed(someDirective(), func(d *directive) { d.MaxPerSecond = n }))
		all = append(all, accepted(fmt.Sprintf("max_per_second %d", n), "V7", rev.pack(), rev))
	}
	return all
}

func wrongInstances() (all []value) {
	bad := func(name, rules string, in fields) {
		all = append(all, rejected("instances with "+name, rules, invalid,
			withOne2(someDirective().fields().with("instances", in.pack()).pack()).pack()))
	}
	half := fields{{str("per_mille"), integer(500)}}
	bad("no keys", "V7", nil)
	bad("no names", "V7", half.plus("names", array()))
	bad("no labels", "V7", half.plus("labels", fields{}.pack()))
	bad("an unknown key", "V6", half.plus("zones", array()))
	bad("a key in upper case", "V6", fields{{str("Names"), array(str("a"))}})
	bad("an empty key", "V6", half.plus("", integer(1)))
	bad("per_mille repeated", "V6", half.plus("per_mille", integer(500)))
	bad("names repeated", "V6", fields{{str("names"), array(str("a"))}, {str("names"), array(str("b"))}})
	bad("labels repeated", "V6", fields{{str("labels"), packLabels(manyLabels(1))}, {str("labels"), packLabels(manyLabels(1))}})
	for _, c := range outside[1:] {
		bad("per_mille "+c.name, "V7", fields{{str("per_mille"), c.packed}})
	}
	bad("per_mille 1001", "V7", fields{{str("per_mille"), integer(1001)}})
	for _, name := range []string{"", "a b", " a", "a\n", "\x00", "\x7f", "ü", "\xff", letters(129)} {
		bad(fmt.Sprintf("the name %q", name), "V7", fields{{str("names"), array(str("ok"), str(name))}})
	}
	bad("the same name twice", "V7", fields{{str("names"), array(str("a"), str("b"), str("a"))}})
	bad("101 names", "V7", (&instances{Names: manyNames(101)}).fields())
	bad("17 labels", "V7", (&instances{Labels: manyLabels(17)}).fields())
	label := func(name, text string) fields { return fields{{str("labels"), fields{{str(name), str(text)}}.pack()}} }
	bad("a label without a name", "V7", label("", "eu"))
	bad("a label without a value", "V7", label("zone", ""))
	bad("the name of a label of 65 bytes", "V7", label(letters(65), "eu"))
	bad("the value of a label of 257 bytes", "V7", label("zone", letters(257)))
	twice := fields{{str("zone"), str("eu")}, {str("zone"), str("us")}}
	bad("the same label twice", "V6", fields{{str("labels"), twice.pack()}})
	return all
}

func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("web-%d", i))
	}
	return names
}

func manyLabels(n int) map[string]string {
	labels := make(map[string]string)
	for i := range n {
		labels[fmt.Sprintf("l%02d", i)] = strings.Repeat("v", i+1)
	}
	return labels
}
