package conformance

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/directive"
)

// object is a JSON object.
type object = map[string]any

// begin is the time at which the sets of the small vectors are published.
const begin = 1_790_000_000_000

var (
	signSeed  = bytes.Repeat([]byte{7}, ed25519.SeedSize)
	signKey   = ed25519.NewKeyFromSeed(signSeed)
	publicHex = hex.EncodeToString(signKey.Public().(ed25519.PublicKey))
)

// smallVectors returns files like those of spec/vectors, with a few lines in each.
func smallVectors() map[string][]byte {
	return map[string][]byte{
		"values.jsonl":        lines(append(valueLines(), signedLines()...)...),
		"samples.jsonl":       lines(sampleLines()...),
		"decisions.jsonl":     lines(decisionLines()...),
		"limits.jsonl":        lines(limitLine()),
		"announcements.jsonl": lines(announcementLines()...),
		"scenarios.jsonl":     lines(scenarioLines()...),
	}
}

func lines(all ...object) []byte {
	var text bytes.Buffer
	for _, line := range all {
		if err := json.NewEncoder(&text).Encode(line); err != nil {
			panic(err)
		}
	}
	return text.Bytes()
}

// with returns the object with the keys of others.
func (l lineOf) with(others ...object) object {
	for _, other := range others {
		for key, value := range other {
			l[key] = value
		}
	}
	return object(l)
}

// lineOf is a line that is being made.
type lineOf object

func named(name, level, rules string) lineOf {
	l := lineOf{"name": name, "rules": strings.Fields(rules)}
	if level != "" {
		l["level"] = level
	}
	return l
}

// smallSet returns the set of the small vectors.
func smallSet() *fleetdial.Set {
	perMille := 1000
	end := time.UnixMilli(begin).Add(10 * time.Minute)
	set, err := fleetdial.NewSet([]fleetdial.Directive{
		{ID: "all", Level: fleetdial.Shape, SamplePerMille: 500, ExpiresAt: end.Add(-9 * time.Minute)},
		{
			ID: "acme", Level: fleetdial.ShapeTiming, SamplePerMille: 1000, ExpiresAt: end, RingBuffer: true,
			Match: fleetdial.Match{Tenant: "acme"},
		},
		{
			ID: "some", Level: fleetdial.ShapeRewriteDiff, SamplePerMille: 1000, ExpiresAt: end, MaxPerSecond: 10,
			Match: fleetdial.Match{Endpoint: fleetdial.Search},
			Instances: &fleetdial.Instances{
				Names: []string{"web-1"}, Labels: map[string]string{"zone": "eu"}, PerMille: &perMille,
			},
		},
	})
	if err != nil {
		panic(err)
	}
	return set
}

// smallRevision returns the object of the revision with the small set.
func smallRevision() object {
	return object{
		"version": 42, "id": idOf(42), "published_at": begin, "publisher": "ana", "reason": "",
		"directives": []object{
			{
				"id": "all", "level": "Shape", "sample_per_mille": 500, "expires_at": begin + 60_000,
				"ring_buffer": false, "capture": false,
			},
			{
				"id": "acme", "level": "ShapeTiming", "sample_per_mille": 1000, "expires_at": begin + 600_000,
				"ring_buffer": true, "capture": false, "tenant": "acme",
			},
			{
				"id": "some", "level": "ShapeRewriteDiff", "sample_per_mille": 1000, "expires_at": begin + 600_000,
				"ring_buffer": false, "capture": false, "endpoint": "Search", "max_per_second": 10,
				"instances": object{"names": []string{"web-1"}, "labels": object{"zone": "eu"}, "per_mille": 1000},
			},
		},
	}
}

// idOf returns the id of the revision with a version.
func idOf(version int) string { return fmt.Sprintf("%032x", version) }

func smallValue() []byte {
	value, err := fleetdial.EncodeRevision(fleetdial.Revision{
		Version: 42, ID: idOf(42), PublishedAt: time.UnixMilli(begin), PublishedBy: "ana", Set: smallSet(),
	})
	if err != nil {
		panic(err)
	}
	return value
}

// replaced returns the value with other bytes.
func replaced(value []byte, from, to string) []byte {
	if bytes.Count(value, []byte(from)) != 1 {
		panic(fmt.Sprintf("%q is not in the value", from))
	}
	return bytes.Replace(value, []byte(from), []byte(to), 1)
}

func valueLines() []object {
	value := smallValue()
	line := func(name, rules string, value []byte, result object) object {
		return named(name, "L1", rules).with(object{"value_hex": hex.EncodeToString(value)}, result)
	}
	malformed := object{"accept": false, "reason": "malformed"}
	return []object{
		line("good", "V4 V12", value, object{"accept": true, "revision": smallRevision()}),
		line("empty", "V13", nil, object{
			"accept": true, "revision": object{"version": 0, "id": "", "directives": []object{}},
		}),
		line("truncated", "V2", value[:len(value)-1], malformed),
		line("large", "V1", value, object{"pad_to": 4<<20 + 1, "accept": false, "reason": "too_large"}),
		line("unknown key", "V6", replaced(value, "\x87\xa2id\xa4acme", "\x88\xa4user\xa1x\xa2id\xa4acme"), malformed),
		line("same id", "V8", replaced(value, "\xa2id\xa4acme", "\xa2id\xa3all"), malformed), // is invalid
	}
}

func signedLines() []object {
	const key = "fleetdial:{default}"
	value := appendSignature(smallValue(), key, signKey)
	line := func(name, rules string, value []byte, result object) object {
		return named(name, "L3", rules).with(object{
			"value_hex": hex.EncodeToString(value), "keys_hex": []string{publicHex}, "redis_key": key,
		}, result)
	}
	signed := smallRevision()
	signed["signed_by"] = fleetdial.KeyID(signKey.Public().(ed25519.PublicKey))
	return []object{
		line("signed", "G1 G3", value, object{"accept": true, "revision": signed}),
		line("altered", "G5", replaced(value, "\xa4acme\xa5level", "\xa4acne\xa5level"), object{"accept": false, "reason": "altered"}),
		line("unsigned", "G5", smallValue(), object{"accept": false, "reason": "unsigned"}),
		line("replayed", "G6", value, object{
			"accept": false, "reason": "replayed", "applied": object{"version": 43, "id": idOf(43)},
		}),
	}
}

func sampleLines() (all []object) {
	for _, text := range []string{"", "a", "foobar", "req-1", "äöü"} {
		all = append(all, named("text "+text, "", "S1").with(object{
			"text_hex": hex.EncodeToString([]byte(text)), "bucket": directive.SampleBucket(text),
		}))
	}
	return all
}

func decisionLines() []object {
	all := []object{named("set", "", "").with(object{"set": "small", "value_hex": hex.EncodeToString(smallValue())})}
	add := func(rules string, now int, request, decision object) {
		all = append(all, named(fmt.Sprintf("decision %d", len(all)), "", rules).with(object{
			"set": "small", "now": begin + now, "request": request, "decision": decision,
		}))
	}
	shape, off := decisionBy("Shape", "all"), decisionBy("Off", "")
	for i := range 12 {
		id, want := fmt.Sprintf("req-%d", i), off
		if directive.SampleBucket(id) < 500 {
			want = shape
		}
		add("S2", 0, object{"id": id}, want)
	}
	timing := decisionBy("ShapeTiming", "acme")
	timing["ring_buffer"] = true
	add("M2 M5", 0, object{"tenant": "acme", "id": "req-1"}, timing)
	add("M2", 0, object{"tenant": "Acme", "id": "req-1"}, shape)
	add("T1", 59_999, object{"id": "req-1"}, shape)
	add("T1", 60_000, object{"id": "req-1"}, off)
	add("I5", 60_000, object{"endpoint": "Search"}, off)
	add("I5", 60_000, object{"endpoint": "Search"}, decisionBy("ShapeRewriteDiff", "some"))
	all[len(all)-1]["instance"] = object{"name": "web-1", "labels": object{"zone": "eu"}}
	return all
}

// decisionBy returns a decision without ring buffer and capture.
func decisionBy(level, by string) object {
	d := object{"level": level, "ring_buffer": false, "capture": false}
	if by != "" {
		d["by"] = by
	}
	return d
}

func limitLine() object {
	return named("two a second", "", "C1").with(object{
		"max_per_second": 2, "arrivals_ms": []int{0, 1, 2, 600, 2000, 2001, 2002},
		"applied": []bool{true, false, false, true, true, true, false},
	})
}

func announcementLines() []object {
	text := fmt.Appendf(nil, `{"version":42,"id":"%s","more":1}`, idOf(42))
	return []object{
		named("announcement", "", "A2").with(object{
			"payload_hex": hex.EncodeToString(text), "announcement": object{"version": 42, "id": idOf(42)},
		}),
		named("text", "", "A2").with(object{"payload_hex": "00", "announcement": nil}),
	}
}

// revisionStep returns a step's revision with one directive, which ends after ttl ms.
func revisionStep(version, ttl int, more ...object) object {
	return lineOf{
		"version": version, "id": idOf(version),
		"directives": []object{{
			"id": "a", "level": "Shape", "sample_per_mille": 1000, "ttl_ms": ttl, "ring_buffer": false, "capture": false,
		}},
	}.with(more...)
}

// expectStep returns a step that expects a state within some time.
func expectStep(state string, version int, decision object, more ...object) object {
	return object{"expect": lineOf{
		"within_ms": 10_000, "state": state, "version": version,
		"decisions": []object{{"request": object{"id": "x"}, "decision": decision}},
	}.with(more...)}
}

func scenarioLines() []object {
	line := func(name, level, rules string, steps ...object) object {
		return named(name, level, rules).with(object{"steps": steps})
	}
	shape, off := decisionBy("Shape", "a"), decisionBy("Off", "")
	expiry := line("expiry", "L2", "T1 T4",
		object{"publish": revisionStep(1, 3000)}, expectStep("live", 1, shape, object{"within_ms": 2500}),
		expectStep("live", 1, off, object{"within_ms": 4000, "hold_ms": 1500}),
	)
	restart := line("restart", "L2", "F9 F10",
		object{"publish": revisionStep(1, 600_000)}, expectStep("live", 1, shape),
		object{"server": "kill"}, expectStep("stale", 1, shape, object{"hold_ms": 300}),
		object{"server": "restart"}, expectStep("live", 1, shape),
		object{"server": "pause"}, expectStep("stale", 1, shape),
		object{"server": "resume"}, expectStep("live", 1, shape),
		object{"drop_connections": true},
		object{"restart_subscriber": true}, expectStep("live", 1, shape),
		object{"server": "restart_empty"}, expectStep("missing", 1, shape),
	)
	restart["instance"] = object{"name": "web-1", "labels": object{"zone": "eu"}}
	garbage := line("garbage", "L2", "F6 F7 F8",
		object{"publish": revisionStep(5, 600_000)}, expectStep("live", 5, shape),
		object{"publish": object{"value_hex": "ff"}}, expectStep("rejected", 5, shape),
		object{"publish": revisionStep(4, 600_000)}, expectStep("live", 4, shape),
		object{"publish": revisionStep(6, 600_000, object{"format": 9})}, expectStep("rejected", 4, shape),
		object{"delete": true}, object{"announce": object{"payload_hex": "00"}}, expectStep("missing", 4, shape),
		object{"wrong_type": true}, object{"announce": object{"version": 9, "id": idOf(9)}},
		expectStep("rejected", 4, shape),
		object{"publish": object{"value_hex": ""}}, expectStep("empty", 0, off, object{"id": ""}),
	)
	signed := line("signed", "L3", "G5 G6",
		object{"publish": revisionStep(5, 600_000, object{"sign": 0})}, expectStep("live", 5, shape),
		object{"publish": revisionStep(6, 600_000)}, expectStep("rejected", 5, shape),
		object{"publish": revisionStep(7, 600_000, object{"sign": 1})},
		expectStep("rejected", 5, shape, object{"hold_ms": 300}),
		object{"publish": revisionStep(4, 600_000, object{"sign": 0, "published_ago_ms": 1000})},
		expectStep("rejected", 5, shape, object{"hold_ms": 300}),
		object{"publish": revisionStep(8, 600_000, object{"sign": 0})}, expectStep("live", 8, shape),
	)
	signed["keys_hex"] = []string{publicHex}
	signed["sign_keys_hex"] = []string{hex.EncodeToString(signSeed), strings.Repeat("08", ed25519.SeedSize)}
	lost := line("lost announcement", "L2", "F2",
		object{"publish": revisionStep(1, 600_000)}, expectStep("live", 1, shape),
		object{"set": revisionStep(2, 600_000)}, expectStep("live", 2, shape, object{"within_ms": 5000, "id": idOf(2)}),
	)
	return []object{lost, expiry, restart, garbage, signed}
}
