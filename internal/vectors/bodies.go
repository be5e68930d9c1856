package vectors

import (
	"fmt"
	"slices"
	"strings"
)

// body is a line of bodies.jsonl.
type body struct {
	vector
	Format     string       `json:"format"`
	Body       hexBytes     `json:"body_hex"`
	PadTo      int          `json:"pad_to,omitempty"`
	Now        int64        `json:"now"`
	MaxTTL     int64        `json:"max_ttl_ms"`
	Accept     bool         `json:"accept"`
	Directives *[]directive `json:"directives,omitempty"`
}

const (
	bodyNow int64 = 1_772_366_400_000 // 2026-03-01T12:00:00Z
	day     int64 = 86_400_000
	minute  int64 = 60_000
)

// maxBodyBytes is the largest body that is accepted.
const maxBodyBytes = 4_194_304

// rejectedBody is a body with the rule that it breaks.
type rejectedBody struct{ name, rules, body string }

// bodies returns the lines of bodies.jsonl.
func bodies() (all []body) {
	all = slices.Concat(goodBodies(), goodFields(), bodyInstances(), bodyTimes(), yamlBodies(), ttls(), bodySizes())
	for _, c := range rejectedJSON {
		all = append(all, badBody("JSON, "+c.name, c.rules, "json", c.body))
	}
	for _, c := range rejectedYAML {
		all = append(all, badBody("YAML, "+c.name, c.rules, "yaml", c.body))
	}
	return all
}

func bodyLine(name, rules, format, text string) body {
	return body{vector: named(name, rules), Format: format, Body: hexBytes(text), Now: bodyNow, MaxTTL: day}
}

func goodBody(name, rules, format, text string, directives ...directive) body {
	return changed(bodyLine(name, rules, format, text), func(b *body) {
		b.Accept, b.Directives = true, pointer(append([]directive{}, directives...))
	})
}

func badBody(name, rules, format, text string) body { return bodyLine(name, rules, format, text) }

// bodyOf returns a body whose only directive has the fields.
func bodyOf(fields string) string {
	return `{"directives":[{"id":"a","level":"Shape","ttl_secs":60` + fields + `}]}`
}

// bodyDirective is the directive of bodyOf without more fields.
func bodyDirective(changes ...func(*directive)) directive {
	d := directive{ID: "a", Level: "Shape", SamplePerMille: 1000, ExpiresAt: bodyNow + minute}
	for _, change := range changes {
		change(&d)
	}
	return d
}

// yamlOf returns the same in YAML.
func yamlOf(field string) string {
	return "directives:\n- id: a\n  level: Shape\n  ttl_secs: 60\n  " + field + "\n"
}

func goodBodies() (all []body) {
	want := []directive{
		{
			ID: "a", Level: "ShapeTiming", SamplePerMille: 100, ExpiresAt: bodyNow + minute, RingBuffer: true, Tenant: "acme", Index: "orders",
			Principal: "svc", Endpoint: "GetById",
		},
		{ID: "b", Level: "Off", SamplePerMille: 1000, ExpiresAt: bodyNow + 61*minute, Capture: true},
	}
	all = append(all,
		goodBody("JSON, all fields", "B1", "json", `{"directives":[
			{"id":"a","level":"ShapeTiming","ttl_secs":60,"sample_per_mille":100,"ring_buffer":true,"capture":false,
			 "tenant":"acme","index":"orders","principal":"svc","endpoint":"GetById"},
			{"level":"Off","id":"b","expires_at":"2026-03-01T14:01:00+01:00","capture":true}]}`, want...),
		goodBody("YAML, all fields", "B1 B4", "yaml", `# the reason
directives:
- id: a
  level: ShapeTiming
  ttl_secs: 60
  sample_per_mille: 100
  ring_buffer: true
  tenant: acme
  index: "orders"
  principal: 'svc'
  endpoint: GetById
- {id: b, level: Off, expires_at: 2026-03-01T13:01:00Z, capture: true}
`, want...),
		goodBody("YAML that is JSON", "B4", "yaml", `{"directives":[
  {"id":"a","level":"ShapeTiming","ttl_secs":60,"sample_per_mille":100,"ring_buffer":true,"tenant":"acme",
   "index":"orders","principal":"svc","endpoint":"GetById"},
  {"id":"b","level":"Off","expires_at":"2026-03-01T13:01:00Z","capture":true}]}`, want...),
		goodBody("JSON, an empty set", "B1", "json", `{"directives":[]}`),
		goodBody("YAML, an empty set", "B1", "yaml", "directives: []\n"),
		goodBody("JSON, white space around an empty set", "B1", "json", "\r\n\t {\"directives\" :\n[ ] } \n"),
		goodBody("JSON, the required fields", "B1", "json", bodyOf(""), bodyDirective()),
		goodBody("YAML, the required fields", "B1", "yaml", "directives: [{id: a, level: Shape, ttl_secs: 60}]", bodyDirective()),
		goodBody("YAML, a document mark", "B4", "yaml", "---\n"+yamlOf("tenant: acme"), bodyDirective(tenant("acme"))),
		goodBody("JSON, an escape in a name", "B1", "json", bodyOf(`,"\u0074enant":"acme"`), bodyDirective(tenant("acme"))),
		goodBody("JSON, escapes in a value", "B1", "json", bodyOf(`,"tenant":"<\u2028\ud83d\ude00\u0000>"`),
			bodyDirective(tenant("<\u2028\U0001f600\x00>"))),
	)
	return all
}

func tenant(name string) func(*directive) { return func(d *directive) { d.Tenant = name } }

// goodFields returns bodies with one field that is accepted.
func goodFields() (all []body) {
	good := func(name, fields string, change func(*directive)) {
		all = append(all, goodBody("JSON, "+name, "B1", "json", bodyOf(fields), bodyDirective(change)))
	}
	for _, n := range []int{0, 1, 999, 1000} {
		good(fmt.Sprintf("sample_per_mille %d", n), fmt.Sprintf(`,"sample_per_mille":%d`, n), func(d *directive) { d.SamplePerMille = n })
	}
	for _, n := range []int{1, 10, 1_000_000} {
		good(fmt.Sprintf("max_per_second %d", n), fmt.Sprintf(`,"max_per_second":%d`, n), func(d *directive) { d.MaxPerSecond = n })
	}
	for _, endpoint := range endpoints {
		good("endpoint "+endpoint, `,"endpoint":"`+endpoint+`"`, func(d *directive) { d.Endpoint = endpoint })
	}
	for _, level := range levels {
		text := strings.Replace(bodyOf(""), "Shape", level, 1)
		all = append(all, goodBody("JSON, level "+level, "B1", "json", text, bodyDirective(func(d *directive) { d.Level = level })))
	}
	good("flags that are false", `,"ring_buffer":false,"capture":false`, func(*directive) {})
	good("a tenant of 256 bytes", `,"tenant":"`+letters(256)+`"`, tenant(letters(256)))
	text := strings.Replace(bodyOf(""), `"a"`, `"`+letters(128)+`"`, 1)
	all = append(all, goodBody("JSON, an id of 128 bytes", "B1", "json", text, bodyDirective(func(d *directive) { d.ID = letters(128) })))
	for _, n := range []string{"0", "-1", "1.0", "1000001", `"10"`, "null", "true"} {
		all = append(all, badBody("JSON, max_per_second "+n, "B3", "json", bodyOf(`,"max_per_second":`+n)))
	}
	return all
}

// bodyInstances returns bodies with instances.
func bodyInstances() (all []body) {
	good := func(name, format, text string, in instances) {
		all = append(all, goodBody(name, "B1", format, text, bodyDirective(func(d *directive) { d.Instances = &in })))
	}
	whole := instances{Names: []string{"web-1", "web-2"}, Labels: map[string]string{"zone": "eu"}, PerMille: pointer(100)}
	good("JSON, all of instances", "json", bodyOf(`,"instances":{"names":["web-1","web-2"],"labels":{"zone":"eu"},"per_mille":100}`), whole)
	good("YAML, all of instances", "yaml",
		yamlOf("instances:\n    names: [web-1, web-2]\n    labels: {zone: eu}\n    per_mille: 100"), whole)
	good("JSON, names of instances", "json", bodyOf(`,"instances":{"names":["a"]}`), instances{Names: []string{"a"}})
	good("JSON, per_mille 0", "json", bodyOf(`,"instances":{"per_mille":0}`), instances{PerMille: pointer(0)})
	for _, in := range []string{
		`{}`, `null`, `[]`, `"web-1"`, `{"names":[]}`, `{"labels":{}}`, `{"names":[],"per_mille":1}`, `{"labels":{},"per_mille":1}`,
		`{"names":"web-1"}`, `{"names":[""]}`, `{"names":["a b"]}`, `{"names":["ü"]}`, `{"names":["a","a"]}`, `{"names":[1]}`, `{"names":null}`,
		`{"labels":[]}`, `{"labels":{"zone":""}}`, `{"labels":{"":"eu"}}`, `{"labels":{"zone":1}}`, `{"labels":{"zone":null}}`,
		`{"labels":{"zone":"a","zone":"b"}}`, `{"per_mille":1001}`, `{"per_mille":-1}`, `{"per_mille":1.0}`, `{"per_mille":"1"}`,
		`{"per_mille":1,"zones":[]}`, `{"Names":["a"]}`, `{"per_mille":1,"per_mille":1}`,
	} {
		all = append(all, badBody("JSON, instances "+in, "B1 B3", "json", bodyOf(`,"instances":`+in)))
	}
	for _, in := range []string{"{names: [on]}", "{names: [5]}", "{labels: {zone: no}}", "{labels: {zone: 1}}", "{names: [~]}"} {
		all = append(all, badBody("YAML, instances "+in, "B4", "yaml", yamlOf("instances: "+in)))
	}
	return all
}
