package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"go.yaml.in/yaml/v4"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// detailSeeds are fields of a directive in JSON.
var detailSeeds = []string{
	`,"max_per_second":1`, `,"max_per_second":1000000`, `,"max_per_second":0`,
	`,"instances":{"names":["proxy-1","proxy-2"]}`, `,"instances":{"names":[]}`, `,"instances":{"names":["a","a"]}`,
	`,"instances":{"labels":{"zone":"eu","rack":"1"}}`, `,"instances":{"labels":{"no":"y"}}`, `,"instances":{"labels":{}}`,
	`,"instances":{"per_mille":0}`, `,"instances":{"per_mille":1000}`, `,"instances":{}`,
	`,"instances":{"names":["a"],"labels":{"a":"b"},"per_mille":500},"max_per_second":100`,
}

// yamlDetailSeeds are fields of a directive in YAML.
var yamlDetailSeeds = []string{
	"max_per_second: 100",
	"instances: {names: [proxy-1, 'no'], labels: {zone: eu}, per_mille: 10}",
	"instances:\n    names:\n    - proxy-1\n    - \"1\"\n    labels:\n      'on': \"off\"\n      zone: eu # a comment\n    per_mille: 999",
	"instances: {labels: {on: eu}}", "instances: {labels: {zone: no}}", "instances: {labels: {? zone : eu}}",
}

// asJSON returns what a JSON text says, read without the code under test.
func asJSON(t require.TestingT, text []byte) (out map[string]any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&out))
	return out
}

// asYAML is asJSON for YAML.
func asYAML(t require.TestingT, text []byte) (out map[string]any) {
	require.NoError(t, yaml.Unmarshal(text, &out))
	return out
}

// asMsgpack is asJSON for the first map of a value.
func asMsgpack(t require.TestingT, value []byte) map[string]any {
	out, err := msgpack.NewDecoder(bytes.NewReader(value)).DecodeMap()
	require.NoError(t, err)
	return out
}

// requireMeans checks that a set has the instances and limits that its text says, and selects
// exactly the instances that these words name.
func requireMeans(t require.TestingT, text map[string]any, set *directive.Set) {
	said, _ := text["directives"].([]any)
	require.Len(t, said, set.Len())
	format := 1
	for i := range said {
		fields := said[i].(map[string]any)
		limit := 0
		if written, ok := fields["max_per_second"]; ok {
			limit, format = whole(t, written), 2
		}
		require.Equal(t, limit, directive.At(set, i).MaxPerSecond)
		if fields["instances"] != nil {
			format = 2
		}
	}
	require.Equal(t, format, FormatOf(set))
	for _, p := range probes(set) {
		var want, got []string
		for i, d := range set.Directives() {
			if in, ok := said[i].(map[string]any)["instances"].(map[string]any); !ok || selects(t, in, p) {
				want = append(want, d.ID)
			}
		}
		for _, d := range set.ForInstance(p.name, p.labels).Directives() {
			got = append(got, d.ID)
		}
		require.Equal(t, want, got, "%+v", p)
	}
}

// whole returns an integer that any of the libraries has read.
func whole(t require.TestingT, n any) int {
	out, err := strconv.Atoi(fmt.Sprint(n))
	require.NoError(t, err)
	return out
}

// probe is an instance.
type probe struct {
	name   string
	labels map[string]string
}

// probes returns instances, of which some are near to what the directives select.
func probes(set *directive.Set) []probe {
	all := []probe{{"", nil}, {"proxy-1", nil}, {"elsewhere", map[string]string{"zone": "eu"}}}
	for _, d := range set.Directives()[:min(set.Len(), 8)] {
		in := d.Instances
		if in == nil {
			continue
		}
		names := append(slices.Clone(in.Names[:min(len(in.Names), 2)]), "proxy-9")
		for _, name := range names {
			all = append(all, probe{name, in.Labels}, probe{name, nil})
			for label, value := range in.Labels {
				fewer, other := maps.Clone(in.Labels), maps.Clone(in.Labels)
				delete(fewer, label)
				other[label] = value + "x"
				all = append(all, probe{name, fewer}, probe{name, other})
			}
		}
	}
	return all
}

// selects is the definition of instances.
func selects(t require.TestingT, in map[string]any, p probe) bool {
	if names, ok := in["names"].([]any); ok && !slices.Contains(names, any(p.name)) {
		return false
	}
	labels, _ := in["labels"].(map[string]any)
	for label, value := range labels {
		if have, ok := p.labels[label]; !ok || any(have) != value {
			return false
		}
	}
	perMille, ok := in["per_mille"]
	if !ok {
		return true
	}
	h := fnv.New64a()
	h.Write([]byte(p.name))
	return int(h.Sum64()%1000) < whole(t, perMille)
}

// TestRequireMeans_FindsWidening checks the check: it notices a set that says more or less than
// its text.
func TestRequireMeans_FindsWidening(t *testing.T) {
	t.Parallel()
	parse := func(fields string) *directive.Set {
		set, err := ParseBody([]byte(bodyOf(fields)), now, BodyOptions{})
		require.NoError(t, err)
		return set
	}
	const said = `,"instances":{"names":["a"],"labels":{"x":"y"},"per_mille":1000},"max_per_second":5`
	requireMeans(t, asJSON(t, []byte(bodyOf(said))), parse(said))
	for _, other := range []string{
		``, `,"max_per_second":5`, `,"instances":{"names":["a"],"labels":{"x":"y"},"per_mille":1000}`,
		`,"instances":{"names":["a"]},"max_per_second":5`, `,"instances":{"labels":{"x":"y"}},"max_per_second":5`,
		`,"instances":{"names":["a","proxy-9"],"labels":{"x":"y"}},"max_per_second":5`,
		`,"instances":{"names":["a"],"labels":{"x":"y"},"per_mille":0},"max_per_second":5`,
	} {
		require.True(t, fails(func(t require.TestingT) { requireMeans(t, asJSON(t, []byte(bodyOf(said))), parse(other)) }), other)
	}
}

// failing is a test that may fail.
type failing struct{ failed bool }

type failedNow struct{}

func (f *failing) Errorf(string, ...any) { f.failed = true }
func (f *failing) FailNow()              { panic(failedNow{}) }

// fails reports whether a check fails.
func fails(check func(require.TestingT)) (failed bool) {
	f := &failing{}
	defer func() {
		if p := recover(); p != nil && p != (failedNow{}) {
			panic(p)
		}
		failed = f.failed
	}()
	check(f)
	return f.failed
}
