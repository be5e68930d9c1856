package vectors

func serverScenarios() []scenario {
	return []scenario{
		follow("a restart with data", "F9 F10", publish(shaping(1)), lives(1), server("kill"), keeps(soon, "stale", 1, hold(500)),
			server("restart"), keeps(reach, "live", 1), publish(shaping(2)), lives(2)),
		follow("a restart without data", "F8 F9", publish(shaping(5)), lives(5), server("kill"), keeps(soon, "stale", 5),
			server("restart_empty"), keeps(reach, "missing", 5, hold(500)), publish(shaping(1)), lives(1)),
		follow("two restarts", "F9 F10", publish(shaping(1)), lives(1), server("kill"), keeps(soon, "stale", 1), server("restart"),
			keeps(reach, "live", 1), server("kill"), keeps(soon, "stale", 1), server("restart"), keeps(reach, "live", 1)),
		follow("a server that is silent", "F9 F10", publish(shaping(1)), lives(1), server("pause"), keeps(reach, "stale", 1, hold(500)),
			server("resume"), keeps(reach, "live", 1), publish(shaping(2)), lives(2)),
		follow("connections that are dropped", "F1 F10", publish(shaping(1)), lives(1), step{DropConnections: true}, publish(shaping(2)),
			keeps(reach, "live", 2), publish(shaping(3)), lives(3)),
		follow("an announcement that is lost with the connection", "F1 F2", publish(shaping(1)), lives(1), step{DropConnections: true},
			set(shaping(2)), keeps(reach, "live", 2)),
		follow("no server at the start", "F9 F10", publish(shaping(1)), lives(1), server("kill"), keeps(soon, "stale", 1),
			step{RestartSubscriber: true}, holds(soon, "stale", nothing("acme")), server("restart"), keeps(reach, "live", 1)),
		follow("a restart of the subscriber", "F1", publish(shaping(1)), lives(1), step{RestartSubscriber: true}, lives(1),
			publish(shaping(2)), lives(2)),
	}
}

// expiryScenarios have directives that end.
func expiryScenarios() []scenario {
	const ttl = 3000
	short := func(version int) *published { return shapingFor(version, "acme", ttl) }
	ends := func(state string) step { return holds(soon, state, nothing("acme"), hold(1000)) }
	old := shapingFor(1, "acme", ttl)
	old.PublishedAgo = 30_000
	past := shapingFor(2, "acme", -1000)
	past.PublishedAgo = 30_000
	two := short(1)
	two.Directives = append(two.Directives, shapingFor(1, "umbrella", long).Directives...)
	return []scenario{
		follow("a directive ends", "T1", publish(short(1)), lives(1), ends("live")),
		follow("a resync extends no directive", "T1 T4", publish(old), lives(1), ends("live")),
		follow("a directive that has ended", "T1", publish(shaping(1)), lives(1), publish(past),
			holds(soon, "live", of(2), nothing("acme"), hold(500))),
		follow("one of two directives ends", "T1", publish(two), lives(1),
			holds(soon, "live", nothing("acme"), shapes("umbrella"), hold(500))),
		follow("a directive ends while the key is missing", "F8 T1", publish(short(1)), lives(1), step{Delete: true},
			holds(soon, "missing"), ends("missing")),
		follow("a directive ends while the value is garbage", "F7 T1", publish(short(1)), lives(1), setValue([]byte("junk")),
			holds(soon, "rejected"), ends("rejected")),
		follow("a directive ends while the server is gone", "F9 T1", publish(short(1)), lives(1), server("kill"), holds(soon, "stale"),
			ends("stale")),
		follow("a directive ends while the server is silent", "F9 T1", publish(short(1)), lives(1), server("pause"), holds(soon, "stale"),
			ends("stale"), server("resume"), holds(reach, "live", nothing("acme"))),
		follow("a reconnect extends no directive", "T4", publish(old), lives(1), step{DropConnections: true}, holds(reach, "live"),
			ends("live")),
		follow("a restart of the subscriber extends no directive", "T4", publish(old), lives(1), step{RestartSubscriber: true},
			holds(soon, "live", of(1)), ends("live")),
		follow("the same value again extends no directive", "T4", setValue(replaced("acme")), send("look"), holds(soon, "live", shapes("acme")),
			publish(old), lives(1), send("look"), send("look"), ends("live")),
	}
}

// instanceScenarios have directives that concern some instances.
func instanceScenarios() (all []scenario) {
	for _, c := range []struct {
		name, rules string
		instance    *instance
		in          map[string]any
		included    bool
	}{
		{"an instance with the name", "I2", &webInstance, map[string]any{"names": []string{"a", "web-1"}}, true},
		{"an instance with another name", "I2", &webInstance, map[string]any{"names": []string{"web-2"}}, false},
		{"an instance with the label", "I3", &webInstance, map[string]any{"labels": map[string]string{"zone": "eu"}}, true},
		{"an instance with another label", "I3", &webInstance, map[string]any{"labels": map[string]string{"zone": "us"}}, false},
		{"an instance in the share", "I4", &webInstance, map[string]any{"per_mille": bucket(webInstance.Name) + 1}, true},
		{"an instance outside the share", "I4", &webInstance, map[string]any{"per_mille": bucket(webInstance.Name)}, false},
		{"a program without a name", "I5", nil, map[string]any{"names": []string{"web-1"}}, false},
	} {
		p := shaping(1)
		p.Directives[0]["instances"] = c.in
		p.Directives = append(p.Directives, ttl("umbrella", "Shape", long))
		want := nothing("acme")
		if c.included {
			want = shapes("acme")
		}
		s := follow(c.name, c.rules, publish(p), holds(soon, "live", of(1), shapes("umbrella"), want))
		s.Instance = c.instance
		all = append(all, s)
	}
	return all
}

// signedScenarios have a subscriber with trusted keys. Key 0 is trusted, and key 1 is not.
func signedScenarios() (all []scenario) {
	signed := func(p *published, key int) step {
		return publish(changed(p, func(p **published) { (*p).Sign = &key }))
	}
	add := func(name, rules string, steps ...step) {
		s := follow(name, rules, append([]step{signed(shaping(5), 0), lives(5)}, steps...)...)
		s.Level, s.Keys, s.SignKeys = "L3", []hexBytes{public(1)}, []hexBytes{seed(1), seed(2)}
		all = append(all, s)
	}
	stays := keeps(soon, "rejected", 5, hold(500))
	mends := []step{signed(shaping(7), 0), lives(7)}
	rejects := func(name, rules string, steps ...step) { add(name, rules, append(append(steps, stays), mends...)...) }
	whole := sign(replaced("acme"), "fleetdial:{another-fleet}", 1)
	add("signed revisions", "G5", signed(shaping(6), 0), lives(6))
	rejects("an unsigned revision", "G5", publish(shaping(6)))
	rejects("a revision that another key signed", "G5", signed(shaping(6), 1))
	rejects("an altered revision", "G5", setValue(oneByteOff(whole)), send("look"))
	rejects("a revision of another fleet", "G3 G5", setValue(whole), send("look"))
	rejects("a revision of a lower version", "G6", signed(shaping(4), 0))
	rejects("another revision of the same version", "G6", signed(&published{Version: 5, ID: id(9), Directives: shaping(5).Directives}, 0))
	rejects("the empty value in a signed fleet", "G5 V13", setValue(nil), send("look"))
	rejects("garbage in a signed fleet", "F7 G5", setValue([]byte("junk")), send("look"))
	add("a missing key in a signed fleet", "F8", step{Delete: true}, keeps(soon, "missing", 5), signed(shaping(6), 0), lives(6))
	add("the last revision again, after a missing key", "G6", step{Delete: true}, keeps(soon, "missing", 5), signed(shaping(5), 0), lives(5))
	add("an older revision, after a missing key", "F8 G6", step{Delete: true}, keeps(soon, "missing", 5), signed(shaping(4), 0), stays)
	return all
}

// oneByteOff returns a signed value in which the last byte of the revision was altered.
func oneByteOff(value []byte) []byte {
	out := append([]byte{}, value...)
	out[len(out)-signatureBytes-1]++
	return out
}
