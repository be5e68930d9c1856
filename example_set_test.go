package fleetdial_test

import (
	"fmt"
	"time"

	"github.com/fleetdial/fleetdial"
)

func ExampleNewSet() {
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID:             "acme-search",
		Match:          fleetdial.Match{Tenant: "acme", Endpoint: fleetdial.Search},
		Level:          fleetdial.ShapeTiming,
		SamplePerMille: 1000,
		ExpiresAt:      time.Now().Add(10 * time.Minute),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	req := fleetdial.Request{Tenant: "acme", Index: "orders", Endpoint: fleetdial.Search, ID: "req-1"}
	d := set.Evaluate(req, time.Now())
	fmt.Println(d.Level, d.By)

	_, err = fleetdial.NewSet([]fleetdial.Directive{{ID: "acme", SamplePerMille: 2000, ExpiresAt: time.Now()}})
	fmt.Println(err)
	// Output:
	// ShapeTiming acme-search
	// directives[0].sample_per_mille: must be 0 to 1000
}

func ExampleParseSet() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"acme-search","level":"ShapeTiming","tenant":"acme","endpoint":"Search","ttl_secs":600},
		{"id":"batch","level":"Shape","principal":"svc-batch","sample_per_mille":10,"capture":true,"ttl_secs":300}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range set.Directives() {
		fmt.Println(d.ID, d.Level, d.SamplePerMille)
	}
	// Output:
	// acme-search ShapeTiming 1000
	// batch Shape 10
}

// The error names the field.
func ExampleParseSet_invalid() {
	_, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":5}]}`), time.Now())
	fmt.Println(err)
	// Output: directives[0].tenant: must be a string, not a number
}

func ExampleParseSetWith() {
	set, err := fleetdial.ParseSetWith([]byte(`
directives:
  # acme's searches are slow since the last release
  - id: acme-search
    level: ShapeTiming
    tenant: acme
    ttl_secs: 604800 # a week
`), time.Now(), fleetdial.ParseOptions{YAML: true, MaxTTL: 7 * 24 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(set.Len())
	// Output: 1
}

func ExampleBodyFaults() {
	body := []byte(`{"directives":[
  {"id":"a","level":"Shapes","ttl_secs":60},
  {"id":"b","level":"Shape","ttl_secs":60,"tenent":"acme"}
]}`)
	for _, f := range fleetdial.BodyFaults(body, time.Now(), fleetdial.ParseOptions{}, 10) {
		fmt.Printf("%d:%d: %s: %s\n", f.Line, f.Column, f.Path, f.Reason)
	}
	// Output:
	// 2:21: directives[0].level: unknown level (use Off, Shape, ShapeTiming or ShapeRewriteDiff): did you mean "Shape"?
	// 3:43: directives[1]: unknown field "tenent": did you mean "tenant"?
}

func ExampleAppendBody() {
	now := time.Date(2026, time.December, 1, 14, 20, 0, 0, time.UTC)
	set, err := fleetdial.ParseSet([]byte(`{"directives":[{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":600}]}`), now)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", fleetdial.AppendBody(nil, set))
	// Output:
	// {
	//   "directives": [
	//     {
	//       "id": "acme",
	//       "level": "Shape",
	//       "sample_per_mille": 1000,
	//       "expires_at": "2026-12-01T14:30:00.000Z",
	//       "ring_buffer": false,
	//       "capture": false,
	//       "tenant": "acme"
	//     }
	//   ]
	// }
}

// A Subscriber returns the set of its instance by itself. A store of one's own calls
// ForInstance.
func ExampleSet_ForInstance() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"everywhere","level":"Shape","ttl_secs":600},
		{"id":"canary","level":"ShapeTiming","instances":{"labels":{"zone":"eu-1"}},"ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	eu := set.ForInstance("proxy-1", map[string]string{"zone": "eu-1"})
	us := set.ForInstance("proxy-2", map[string]string{"zone": "us-1"})
	now := time.Now()
	fmt.Println("eu-1:", eu.Len(), eu.Evaluate(fleetdial.Request{}, now).Level)
	fmt.Println("us-1:", us.Len(), us.Evaluate(fleetdial.Request{}, now).Level)
	fmt.Println("no instance:", set.Len(), set.Evaluate(fleetdial.Request{}, now).Level)
	// Output:
	// eu-1: 2 ShapeTiming
	// us-1: 1 Shape
	// no instance: 2 Shape
}

// A larger PerMille keeps the instances of a smaller one.
func ExampleInstances() {
	for _, perMille := range []int{100, 300, 1000} {
		canary := fleetdial.Instances{PerMille: &perMille}
		fmt.Print(perMille, ":")
		for _, name := range []string{"proxy-1", "proxy-2", "proxy-3", "proxy-4", "proxy-5"} {
			if canary.Include(name, nil) {
				fmt.Print(" ", name)
			}
		}
		fmt.Println()
	}
	// Output:
	// 100: proxy-5
	// 300: proxy-1 proxy-5
	// 1000: proxy-1 proxy-2 proxy-3 proxy-4 proxy-5
}

// Explain says for each directive why it applies to a request or not.
func ExampleExplanation() {
	set, err := fleetdial.ParseSet([]byte(`{"directives":[
		{"id":"acme","level":"Shape","tenant":"acme","ttl_secs":600},
		{"id":"acme-writes","level":"ShapeTiming","tenant":"acme","endpoint":"IngestBulk","ttl_secs":600}
	]}`), time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	explained := set.Explain(fleetdial.Request{Tenant: "acme", Endpoint: fleetdial.Search, ID: "req-1"}, time.Now())
	fmt.Println(explained.Decision.Level)
	for _, ground := range explained.Directives {
		fmt.Println(ground.Directive.ID, ground.Applies, ground.Differs)
	}
	// Output:
	// Shape
	// acme true []
	// acme-writes false [endpoint]
}

func ExampleDiffSets() {
	expiry := time.Now().Add(10 * time.Minute)
	acme := fleetdial.Directive{ID: "acme", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: expiry}
	globex := fleetdial.Directive{ID: "globex", Level: fleetdial.Shape, SamplePerMille: 1000, ExpiresAt: expiry}
	before, err := fleetdial.NewSet([]fleetdial.Directive{acme})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme.Level = fleetdial.ShapeTiming
	after, err := fleetdial.NewSet([]fleetdial.Directive{acme, globex})
	if err != nil {
		fmt.Println(err)
		return
	}
	diff := fleetdial.DiffSets(before, after)
	for _, c := range diff.Changed {
		fmt.Println("changed", c.After.ID, c.Fields())
	}
	for _, d := range diff.Added {
		fmt.Println("added", d.ID)
	}
	// Output:
	// changed acme [level]
	// added globex
}
