package vectors

import "strings"

func announcementScenarios() []scenario {
	return []scenario{
		follow("a publish is applied", "A1 F1", publish(shaping(1)), lives(1), publish(shapingFor(2, "umbrella", long)),
			holds(soon, "live", of(2), shapes("umbrella"), nothing("acme"))),
		follow("a lost announcement", "F2", publish(shaping(1)), lives(1), set(shapingFor(2, "umbrella", long)),
			holds(soon, "live", of(2), shapes("umbrella"), nothing("acme"))),
		follow("two lost announcements", "F2", set(shaping(1)), lives(1), set(shaping(2)), lives(2), set(shaping(3)), lives(3)),
		follow("a forged announcement", "A1", publish(shaping(1)), lives(1), announce(99, id(9)),
			keeps(soon, "live", 1, hold(1500))),
		follow("an announcement that holds a set", "A1", publish(shaping(1)), lives(1),
			send(`{"version":2,"id":"`+id(2)+`","directives":[]}`), keeps(soon, "live", 1, hold(1000))),
		follow("the value as a message", "A1 A2", publish(shaping(1)), lives(1),
			send(string(someRevision(someDirective()).pack())), keeps(soon, "live", 1, hold(1000))),
		follow("an announcement of a lower version", "A1", publish(shaping(5)), lives(5), announce(1, id(1)),
			keeps(soon, "live", 5, hold(1000))),
		follow("an announcement before its revision", "A6", publish(shaping(1)), lives(1), announce(2, id(2)), set(shaping(2)), lives(2)),
		follow("messages that are no announcements", "A2", publish(shaping(1)), lives(1), send(""), send("look"), send("{}"), send("\xff\x00"),
			send(strings.Repeat("[", 2000)), set(shaping(2)), send("look"), lives(2)),
		follow("an announcement with unknown keys", "A2", publish(shaping(1)), lives(1), set(shaping(2)),
			send(`{"version":2,"id":"`+id(2)+`","more":{"a":[null]}}`), lives(2)),
		follow("an announcement that spreads for hours", "A3", publish(shaping(1)), lives(1), set(shaping(2)),
			send(`{"version":2,"id":"`+id(2)+`","spread_ms":10000000,"report_ms":10000000}`), lives(2)),
		follow("twenty announcements of one revision", "A4 A5", append(append([]step{publish(shaping(1)), lives(1)},
			many(20, announce(1, id(1)))...), keeps(soon, "live", 1, hold(500)), publish(shaping(2)), lives(2))...),
		follow("twenty forged announcements", "A4 A6", append(append([]step{publish(shaping(1)), lives(1)},
			many(20, announce(77, id(7)))...), keeps(soon, "live", 1), publish(shaping(2)), lives(2))...),
	}
}

func many(n int, s step) (all []step) {
	for range n {
		all = append(all, s)
	}
	return all
}

func keyScenarios() []scenario {
	both := shaping(2)
	both.Directives = append(both.Directives, ttl("umbrella", "Shape", long))
	empty := &published{Version: 2, ID: id(2), Directives: []map[string]any{}}
	return []scenario{
		follow("every state", "F13", holds(soon, "missing"), publish(shaping(1)), lives(1), setValue([]byte("junk")), send("look"),
			keeps(soon, "rejected", 1), setValue(nil), send("look"), holds(soon, "empty", of(0)), server("kill"), holds(soon, "stale", of(0))),
		follow("no revision is published yet", "F8", holds(soon, "missing", nothing("acme"), hold(500)), publish(shaping(1)), lives(1)),
		follow("a revision from before the start", "F1", set(shaping(1)), step{RestartSubscriber: true}, lives(1)),
		follow("a missing key keeps the set", "F8", publish(shaping(1)), lives(1), step{Delete: true},
			keeps(soon, "missing", 1, hold(1500)), publish(shaping(2)), lives(2)),
		follow("a missing key, and then the same revision", "F6 F8", publish(shaping(3)), lives(3), step{Delete: true},
			keeps(soon, "missing", 3), set(shaping(3)), lives(3)),
		follow("a missing key at the start", "F8", publish(shaping(1)), lives(1), step{Delete: true}, step{RestartSubscriber: true},
			holds(soon, "missing", nothing("acme")), publish(shaping(2)), lives(2)),
		follow("the empty value clears the set", "V13", publish(shaping(1)), lives(1), setValue(nil), send("look"),
			holds(soon, "empty", of(0), nothing("acme"), hold(500)), publish(shaping(2)), lives(2)),
		follow("the empty value without a message", "F2 V13", publish(shaping(1)), lives(1), setValue(nil),
			holds(soon, "empty", of(0), nothing("acme"))),
		follow("an empty set clears the set", "P7", publish(shaping(1)), lives(1), publish(empty),
			holds(soon, "live", of(2), nothing("acme"), hold(500))),
		follow("a version that goes back", "F6", publish(shaping(9)), lives(9), publish(shaping(3)), lives(3)),
		follow("a version that goes back without a message", "F6 F2", publish(shaping(9)), lives(9), set(shaping(3)), lives(3)),
		follow("the same version with another id", "F6", publish(shaping(2)), lives(2),
			publish(&published{Version: 2, ID: id(9), Directives: []map[string]any{ttl("umbrella", "Shape", long)}}),
			holds(soon, "live", func(e *expect) { e.Version, e.ID = pointer(int64(2)), id(9) }, shapes("umbrella"), nothing("acme"))),
		follow("a set is swapped in one step", "F12", publish(shaping(1)), lives(1), publish(both),
			holds(soon, "live", of(2), shapes("acme"), shapes("umbrella"))),
		follow("a value that is replaced under its id", "F5", setValue(replaced("acme")), send("look"),
			holds(soon, "live", shapes("acme"), nothing("acne")), setValue(replaced("acne")),
			holds(resync, "live", shapes("acne"), nothing("acme"))),
	}
}

// replaced returns a value. Two of them with tenants of one length have the same first 128 bytes
// and the same length.
func replaced(tenant string) []byte {
	rev := someRevision(directive{ID: "for " + tenant, Level: "Shape", SamplePerMille: 1000, ExpiresAt: 4_102_444_800_000, Tenant: tenant})
	rev.Reason = pointer(letters(64))
	return rev.pack()
}

func rejectionScenarios() (all []scenario) {
	later := someRevision(someDirective()).fields().with("format", integer(3)).inserted(4, "scope", str("x")).pack()
	for _, c := range []struct {
		name, rules string
		value       []byte
	}{
		{"text", "F7 V3", []byte("junk")},
		{"one byte", "F7 V3", []byte{0xc1}},
		{"a truncated value", "F7 V2", someRevision(someDirective()).pack()[:150]},
		{"a header without the rest", "F7 V2", someRevision(someDirective()).pack()[:128]},
		{"a byte after the end", "F7 V2", append(someRevision(someDirective()).pack(), 0)},
		{"two directives of one id", "F7 V8 V15", someRevision(someDirective(), someDirective()).pack()},
		{"a format of the future", "F7 V10", later},
	} {
		all = append(all, follow(c.name+" keeps the set", c.rules, publish(shaping(1)), lives(1), setValue(c.value), send("look"),
			keeps(soon, "rejected", 1, hold(500)), publish(shaping(2)), lives(2)))
	}
	return append(all,
		follow("a value of another type keeps the set", "F8", publish(shaping(1)), lives(1), step{WrongType: true},
			keeps(soon, "rejected", 1, hold(1500)), publish(shaping(2)), lives(2)),
		follow("garbage without a message", "F2 F7", publish(shaping(1)), lives(1), setValue([]byte("junk")),
			keeps(soon, "rejected", 1), set(shaping(2)), lives(2)),
		follow("garbage, and then the same revision", "F7", publish(shaping(3)), lives(3), setValue([]byte("junk")),
			keeps(soon, "rejected", 3), set(shaping(3)), lives(3)),
		follow("garbage at the start", "F7", setValue([]byte("junk")), step{RestartSubscriber: true},
			holds(soon, "rejected", nothing("acme")), publish(shaping(1)), lives(1)),
		follow("garbage, and then no key", "F7 F8", publish(shaping(1)), lives(1), setValue([]byte("junk")),
			keeps(soon, "rejected", 1), step{Delete: true}, keeps(soon, "missing", 1)),
	)
}
