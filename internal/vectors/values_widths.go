package vectors

import "fmt"

// widths returns values that use other msgpack forms than the shortest ones.
func widths() (all []value) {
	rev := someRevision(someDirective())
	good := func(name string, f fields) { all = append(all, accepted(name, "V4", f.pack(), rev)) }
	for _, width := range []int{1, 2, 4, 8} {
		good(fmt.Sprintf("version as uint%d", 8*width), rev.fields().with("version", unsigned(42, width)))
		good(fmt.Sprintf("version as int%d", 8*width), rev.fields().with("version", signed(42, width)))
		good(fmt.Sprintf("format as uint%d", 8*width), rev.fields().with("format", unsigned(1, width)))
		good(fmt.Sprintf("format as int%d", 8*width), rev.fields().with("format", signed(1, width)))
	}
	good("published_at as int64", rev.fields().with("published_at", signed(publishedAt, 8)))
	good("expires_at as int64", withOne(someDirective().fields().with("expires_at", signed(expiresAt, 8)).pack()))
	for _, width := range []int{2, 4, 8} {
		good(fmt.Sprintf("sample_per_mille as uint%d", 8*width),
			withOne(someDirective().fields().with("sample_per_mille", unsigned(1000, width)).pack()))
		good(fmt.Sprintf("sample_per_mille as int%d", 8*width),
			withOne(someDirective().fields().with("sample_per_mille", signed(1000, width)).pack()))
	}
	for _, width := range []int{1, 2, 4} {
		form := fmt.Sprintf("str%d", 8*width)
		good("publisher as "+form, rev.fields().with("publisher", strOf("ana", width)))
		good("reason as "+form, rev.fields().with("reason", strOf("", width)))
		good("id as "+form, rev.fields().with("id", strOf(revisionID, width)))
		good("tenant as "+form, withOne(someDirective().fields().with("tenant", strOf("acme", width)).pack()))
		good("level as "+form, withOne(someDirective().fields().with("level", strOf("Shape", width)).pack()))
		good("a key of the revision as "+form, rev.fields().renamed("version", strOf("version", width)))
		good("the first key as "+form, rev.fields().renamed("format", strOf("format", width)))
		good("a key of a directive as "+form, withOne(someDirective().fields().renamed("capture", strOf("capture", width)).pack()))
	}
	for _, width := range []int{2, 4} {
		list := append(arrays.head(1, width), someDirective().fields().pack()...)
		good(fmt.Sprintf("directives as array%d", 8*width), rev.fields().with("directives", list))
		good(fmt.Sprintf("a directive as map%d", 8*width), withOne(someDirective().fields().packAs(width)))
		all = append(all, accepted(fmt.Sprintf("the revision as map%d", 8*width), "V4", rev.fields().packAs(width), rev))
	}
	return append(all, widestValue(rev))
}

// widestValue writes every item in its widest form.
func widestValue(rev revision) value {
	wide := func(f fields) []byte {
		var out fields
		for _, p := range f {
			out = append(out, pair{widest(p.key), widest(p.value)})
		}
		return out.packAs(4)
	}
	list := append(arrays.head(1, 4), wide(someDirective().fields())...)
	f := rev.fields().without("directives")
	packed := wide(f)
	packed[4]++ // one more pair
	packed = append(append(packed, strOf("directives", 4)...), list...)
	return accepted("every item in its widest form", "V4", packed, rev)
}

// widest returns a short string or an integer in its widest form, and anything else unchanged.
func widest(packed []byte) []byte {
	switch c := packed[0]; {
	case c>>5 == 5:
		return strOf(string(packed[1:]), 4)
	case c == 0xd9:
		return strOf(string(packed[2:]), 4)
	case c < 0x80:
		return unsigned(uint64(c), 8)
	case c == 0xcd:
		return signed(int64(packed[1])<<8|int64(packed[2]), 8)
	}
	return packed
}

// formats returns values of known and unknown formats.
func formats() (all []value) {
	rev := someRevision(someDirective())
	all = append(all, accepted("format 2 without its fields", "V12", rev.fields().with("format", integer(2)).pack(), rev))
	all = append(all, accepted("format 2 without directives", "V12", someRevision().fields().with("format", integer(2)).pack(), someRevision()))
	for _, n := range []int64{-1, 0, 3, 4, 127, 128, 1000, 1 << 40, maxMillis, maxMillis + 1} {
		all = append(all, rejected(fmt.Sprint("format ", n), "V10", invalid, rev.fields().with("format", integer(n)).pack()))
	}
	later := rev.fields().with("format", integer(3))
	all = append(all,
		rejected("format 3 with an unknown key", "V10", invalid, later.inserted(4, "scope", str("x")).pack()),
		rejected("format 3 without later keys", "V10", invalid, later[:4].pack()),
		rejected("format 3 with a float behind the header", "V10", malformed, later.with("publisher", float64Item).pack()),
		rejected("format 3 with an unknown key of a directive", "V10", invalid,
			withOne(someDirective().fields().plus("until", integer(1)).pack()).with("format", integer(3)).pack()),
		rejected("format 2^64-1", "V10", invalid, rev.fields().with("format", unsigned(1<<64-1, 8)).pack()))
	return append(all, formerFormat()...)
}

// formerFormat returns values of format 1 with keys of format 2.
func formerFormat() (all []value) {
	for _, d := range []struct {
		name string
		directive
	}{
		{"instances", changed(someDirective(), func(d *directive) { d.Instances = &instances{Names: []string{"web-1"}} })},
		{"max_per_second", changed(someDirective(), func(d *directive) { d.MaxPerSecond = 10 })},
	} {
		rev := someRevision(d.directive)
		all = append(all,
			rejected(d.name+" in format 1", "V11", invalid, rev.fields().with("format", integer(1)).pack()),
			accepted(d.name+" in format 2", "V12", rev.pack(), rev))
	}
	mixed := someRevision(someDirective(), directive{ID: "b", Level: "Shape", ExpiresAt: 1, MaxPerSecond: 1})
	return append(all,
		accepted("one of two directives with a key of format 2", "V12", mixed.pack(), mixed),
		rejected("one of two directives with a key of format 2, in format 1", "V11", invalid, mixed.fields().with("format", integer(1)).pack()))
}
