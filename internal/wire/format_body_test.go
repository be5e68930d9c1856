package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// rejectedInstances are instances of a body in JSON, with the path below instances.
var rejectedInstances = map[string]rejection{
	"null":                {`null`, "", "must be an object, not null"},
	"a list":              {`["proxy-1"]`, "", "must be an object, not an array"},
	"a name":              {`"proxy-1"`, "", "must be an object, not a string"},
	"all":                 {`true`, "", "must be an object, not a boolean"},
	"nothing":             {`{}`, "", "must have names, labels or per_mille"},
	"name":                {`{"name":["a"]}`, "", `unknown field "name": did you mean "names"?`},
	"label":               {`{"label":{"a":"b"}}`, "", `unknown field "label": did you mean "labels"?`},
	"perMille":            {`{"perMille":5}`, "", `unknown field "perMille": did you mean "per_mille"?`},
	"zone":                {`{"zone":"eu"}`, "", `unknown field "zone"`},
	"unknown second":      {`{"per_mille":5,"percent":5}`, "", `unknown field "percent"`},
	"names null":          {`{"names":null}`, ".names", "must be an array, not null"},
	"names a name":        {`{"names":"a"}`, ".names", "must be an array, not a string"},
	"names an object":     {`{"names":{"a":true}}`, ".names", "must be an array, not an object"},
	"names empty":         {`{"names":[]}`, ".names", "holds 0, must be 1 to 100"},
	"names empty, labels": {`{"names":[],"labels":{"a":"b"}}`, ".names", "holds 0, must be 1 to 100"},
	"101 names":           {`{"names":["` + strings.Join(manyNames(101), `","`) + `"]}`, ".names", "holds 101, must be 1 to 100"},
	"names repeated":      {`{"names":["a"],"n\u0061mes":["b"]}`, ".names", "is repeated"},
	"name a number":       {`{"names":["a",1]}`, ".names[1]", "must be a string, not a number"},
	"name null":           {`{"names":[null]}`, ".names[0]", "must be a string, not null"},
	"name a list":         {`{"names":[["a"]]}`, ".names[0]", "must be a string, not an array"},
	"name empty":          {`{"names":["a",""]}`, ".names[1]", "must not be empty"},
	"name long":           {`{"names":["` + strings.Repeat("x", 129) + `"]}`, ".names[0]", "must be 1 to 128 bytes"},
	"name with a blank":   {`{"names":["a "]}`, ".names[0]", "must be printable ASCII without spaces"},
	"name with a comma":   {`{"names":["a, b"]}`, ".names[0]", "must be printable ASCII without spaces"},
	"name with a tab":     {`{"names":["a\t"]}`, ".names[0]", "must be printable ASCII without spaces"},
	"name not ASCII":      {`{"names":["pr\u00f6xy"]}`, ".names[0]", "must be printable ASCII without spaces"},
	"name again":          {`{"names":["a","b","c","\u0062"]}`, ".names[3]", "is the same as names[1]"},
	"labels null":         {`{"labels":null}`, ".labels", "must be an object, not null"},
	"labels a list":       {`{"labels":["zone=eu"]}`, ".labels", "must be an object, not an array"},
	"labels a string":     {`{"labels":"zone=eu"}`, ".labels", "must be an object, not a string"},
	"labels empty":        {`{"labels":{}}`, ".labels", "holds 0, must be 1 to 16"},
	"labels empty, share": {`{"per_mille":1000,"labels":{}}`, ".labels", "holds 0, must be 1 to 16"},
	"17 labels":           {`{"labels":{` + jsonPairs(17) + `}}`, ".labels", "holds 17, must be 1 to 16"},
	"65 labels":           {`{"labels":{` + jsonPairs(65) + `}}`, ".labels", "has more than 64 fields"},
	"label again":         {`{"labels":{"zone":"eu","zone":"eu"}}`, ".labels.zone", "is repeated"},
	"label unnamed":       {`{"labels":{"":"b"}}`, ".labels", "the name of a label must not be empty"},
	"label long":          {`{"labels":{"` + strings.Repeat("x", 65) + `":"b"}}`, ".labels", "the name of a label is 65 bytes, the limit is 64"},
	"value empty":         {`{"labels":{"a":""}}`, ".labels.a", "must not be empty"},
	"value null":          {`{"labels":{"a":null}}`, ".labels.a", "must be a string, not null"},
	"value a number":      {`{"labels":{"a":1}}`, ".labels.a", "must be a string, not a number"},
	"value a boolean":     {`{"labels":{"a":true}}`, ".labels.a", "must be a string, not a boolean"},
	"value a list":        {`{"labels":{"a":["eu","us"]}}`, ".labels.a", "must be a string, not an array"},
	"value of a dotted":   {`{"labels":{"a.b":{}}}`, `.labels."a.b"`, "must be a string, not an object"},
	"value long":          {`{"labels":{"a":"` + strings.Repeat("x", 257) + `"}}`, ".labels.a", "is 257 bytes, the limit is 256"},
	"share null":          {`{"per_mille":null}`, ".per_mille", "must be a number, not null"},
	"share a string":      {`{"per_mille":"10%"}`, ".per_mille", "must be a number, not a string"},
	"share a list":        {`{"per_mille":[10]}`, ".per_mille", "must be a number, not an array"},
	"share negative":      {`{"per_mille":-1}`, ".per_mille", notInteger},
	"share minus 0":       {`{"per_mille":-0}`, ".per_mille", notInteger},
	"share a fraction":    {`{"per_mille":0.1}`, ".per_mille", notInteger},
	"share an exponent":   {`{"per_mille":1e2}`, ".per_mille", notInteger},
	"share above":         {`{"per_mille":1001}`, ".per_mille", "must be 0 to 1000"},
	"share huge":          {`{"per_mille":18446744073709551617}`, ".per_mille", "must be 0 to 1000"},
	"share repeated":      {`{"per_mille":1,"per_mille":1000}`, ".per_mille", "is repeated"},
}

// rejectedLimits are values of max_per_second.
var rejectedLimits = map[string]string{
	"0": "must be 1 to 1000000", "1000001": "must be 1 to 1000000", "18446744073709551617": "must be 1 to 1000000",
	"-1": notInteger, "1.5": notInteger, "1e3": notInteger, "null": "must be a number, not null",
	`"100"`: "must be a number, not a string", `"100/s"`: "must be a number, not a string", "true": "must be a number, not a boolean",
	"[1]": "must be a number, not an array", "{}": "must be a number, not an object",
}

// jsonPairs returns n labels without the braces.
func jsonPairs(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"l%d":"v"`, i)
	}
	return strings.Join(all, ",")
}

func TestParseBody_RejectedDetails(t *testing.T) {
	t.Parallel()
	cases := map[string]rejection{
		"instance":       {bodyOf(`,"instance":{"per_mille":5}`), "directives[0]", `unknown field "instance": did you mean "instances"?`},
		"max_per_sec":    {bodyOf(`,"max_per_secnd":5`), "directives[0]", `unknown field "max_per_secnd": did you mean "max_per_second"?`},
		"twice":          {bodyOf(`,"instances":{"per_mille":5},"instances":{"per_mille":5}`), "directives[0].instances", "is repeated"},
		"limit twice":    {bodyOf(`,"max_per_second":5,"max_per_second":5`), "directives[0].max_per_second", "is repeated"},
		"at the top":     {`{"directives":[],"instances":{"per_mille":5}}`, "", `unknown field "instances"`},
		"names outside":  {bodyOf(`,"names":["a"]`), "directives[0]", `unknown field "names"`},
		"share outside":  {bodyOf(`,"per_mille":5`), "directives[0]", `unknown field "per_mille"`},
		"first of two":   {bodyOf(`,"instances":{"labels":{"a":1},"names":[1]}`), "directives[0].instances.labels.a", "must be a string, not a number"},
		"before others":  {bodyOf(`,"instances":{"names":[1]},"tenant":5`), "directives[0].instances.names[0]", "must be a string, not a number"},
		"in the second":  {`{"directives":[{"id":"a","level":"Off","ttl_secs":1},{"id":"b","level":"Off","ttl_secs":1,"instances":{}}]}`, "directives[1].instances", "must have names, labels or per_mille"},
		"ends in names":  {`{"directives":[{"id":"a","level":"Off","ttl_secs":1,"instances":{"names":["a"`, "directives[0].instances.names[1]", "not valid JSON: unexpected EOF, at line 1, column 78"},
		"ends in labels": {`{"directives":[{"id":"a","instances":{"labels":{"zone"`, "directives[0].instances.labels.zone", "not valid JSON: unexpected EOF, at line 1, column 55"},
	}
	for name, c := range rejectedInstances {
		cases["instances, "+name] = rejection{bodyOf(`,"instances":` + c.body), "directives[0].instances" + c.path, c.reason}
	}
	for value, reason := range rejectedLimits {
		cases["limit "+value] = rejection{bodyOf(`,"max_per_second":` + value), "directives[0].max_per_second", reason}
	}
	requireRejected(t, BodyOptions{}, cases)
	for name := range cases {
		if strings.HasPrefix(name, "ends in") {
			delete(cases, name) // YAML has other words for it
		}
	}
	requireRejected(t, BodyOptions{YAML: true}, cases)
}

// TestParseBody_AmbiguousYAMLLabels has words that mean a boolean, a number or nothing in some
// version of YAML, as values and as names.
func TestParseBody_AmbiguousYAMLLabels(t *testing.T) {
	t.Parallel()
	const noString = "must be a string (put the value in quotes)"
	for word, reason := range map[string]string{
		"no": noString, "NO": noString, "yes": noString, "y": noString, "N": noString, "on": noString, "Off": noString,
		"True": noString, "FALSE": noString, "1:30": noString, "=": noString,
		"true": "must be a string, not a boolean", "1": "must be a string, not a number", "0x1F": "must be a string, not a number",
		"1_000": "must be a string, not a number", ".5": "must be a string, not a number", ".inf": "must be a string, not a number",
		"null": "must be a string, not null", "~": "must be a string, not null", "": "must be a string, not null",
		"2026-01-01": "must be a string, not a date or time", `""`: "must not be empty",
	} {
		requireRejected(t, BodyOptions{YAML: true}, map[string]rejection{
			"value " + word: {yamlOf("instances:\n    labels:\n      zone: " + word), "directives[0].instances.labels.zone", reason},
			"name " + word:  {yamlOf("instances:\n    names:\n    - a\n    - " + word), "directives[0].instances.names[1]", reason},
		})
	}
	const noName = "has a field name that is not a string, at line 7, column 7"
	for word, reason := range map[string]string{
		"no": "", "Yes": "", "y": "", "on": "", "OFF": "", "False": "", "1:30": "", "=": "",
		"true": noName, "1": noName, "null": noName, "~": noName, ".5": noName, "2026-01-01": noName,
		"<<": "YAML merge keys are not allowed, at line 7, column 7", "&x a": "YAML anchors are not allowed, at line 7, column 7",
	} {
		if reason == "" {
			reason = "the name of a label must be a string (put the name in quotes)"
		}
		requireRejected(t, BodyOptions{YAML: true}, map[string]rejection{
			"label " + word: {yamlOf("instances:\n    labels:\n      " + word + ": eu"), "directives[0].instances.labels", reason},
		})
	}
	for _, quotes := range []string{`"`, `'`} {
		for _, word := range []string{"no", "1", "null", "~", "<<", "true", "2026-01-01", "1:30"} {
			q := quotes + word + quotes
			set, err := ParseBody([]byte(yamlOf("instances: {names: ["+q+"], labels: {"+q+": "+q+"}}")), now, BodyOptions{YAML: true})
			require.NoError(t, err, q)
			in := directive.At(set, 0).Instances
			require.Equal(t, []string{word}, in.Names)
			require.Equal(t, map[string]string{word: word}, in.Labels)
		}
	}
}

// TestParseBody_HalfTypedYAML has bodies of which an editor saved a part.
func TestParseBody_HalfTypedYAML(t *testing.T) {
	t.Parallel()
	const at = "directives[0].instances"
	requireRejected(t, BodyOptions{YAML: true}, map[string]rejection{
		"instances":     {yamlOf("instances:"), at, "must be an object, not null"},
		"no colon":      {yamlOf("instances:\n    labels"), at, "must be an object, not a string"},
		"labels":        {yamlOf("instances:\n    labels:"), at + ".labels", "must be an object, not null"},
		"labels a pair": {yamlOf("instances:\n    labels: zone=eu"), at + ".labels", "must be an object, not a string"},
		"label":         {yamlOf("instances:\n    labels:\n      zone:"), at + ".labels.zone", "must be a string, not null"},
		"label in flow": {yamlOf("instances: {labels: {zone}}"), at + ".labels.zone", "must be a string, not null"},
		"names":         {yamlOf("instances:\n    names:"), at + ".names", "must be an array, not null"},
		"a dash":        {yamlOf("instances:\n    names:\n    -"), at + ".names[0]", "must be a string, not null"},
		"a comma":       {yamlOf("instances: {names: proxy-1, proxy-2}"), at + ".names", "must be an array, not a string"},
		"a word":        {yamlOf("instances:\n    names: proxy-1 proxy-2"), at + ".names", "must be an array, not a string"},
		"dedented":      {yamlOf("instances:\n  labels:\n    zone: eu"), at, "must be an object, not null"},
		"share":         {yamlOf("instances:\n    per_mille:"), at + ".per_mille", "must be a number, not null"},
		"percent":       {yamlOf("instances:\n    per_mille: 10%"), at + ".per_mille", "must be a number, not a string"},
		"limit":         {yamlOf("max_per_second:"), "directives[0].max_per_second", "must be a number, not null"},
		"limit, unit":   {yamlOf("max_per_second: 100/s"), "directives[0].max_per_second", "must be a number, not a string"},
	})
}

func TestParseBody_DetailsAtLimits(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		bodyOf(`,"instances":{"per_mille":0},"max_per_second":1`),
		bodyOf(`,"instances":{"per_mille":1000},"max_per_second":1000000`),
		bodyOf(`,"instances":{"names":["` + strings.Join(manyNames(99), `","`) + `","` + strings.Repeat("~", 128) + `"]}`),
		bodyOf(`,"instances":{"labels":{` + jsonPairs(15) + `,"` + strings.Repeat("n", 64) + `":"` + strings.Repeat("v", 256) + `"}}`),
	} {
		for _, yaml := range []bool{false, true} {
			set, err := ParseBody([]byte(body), now, BodyOptions{YAML: yaml})
			require.NoError(t, err)
			require.Equal(t, 2, FormatOf(set))
		}
	}
}

// TestParseBody_ManyNames has more values in JSON than a body without instances can have.
func TestParseBody_ManyNames(t *testing.T) {
	t.Parallel()
	for n, yaml := range map[int]bool{1800: false, 200: true} {
		set, err := ParseBody([]byte(manyNamed(n)), now, BodyOptions{YAML: yaml})
		require.NoError(t, err)
		require.Equal(t, n, set.Len())
	}
	_, err := ParseBody([]byte(manyNamed(2000)), now, BodyOptions{})
	require.ErrorContains(t, err, "the body holds more than 200000 values")
	_, err = ParseBody([]byte(manyNamed(3000)), now, BodyOptions{YAML: true})
	require.ErrorContains(t, err, "(write the body in JSON)")
}

// manyNamed returns a body with n directives that each name a hundred instances.
func manyNamed(n int) string {
	all := make([]string, n)
	names := strings.Join(manyNames(directive.MaxInstanceNames), `","`)
	for i := range all {
		all[i] = fmt.Sprintf(`{"id":"d%d","level":"Off","ttl_secs":1,"instances":{"names":["%s"]}}`, i, names)
	}
	return `{"directives":[` + strings.Join(all, ",") + `]}`
}

func TestBodyFaults_PlacesOfDetails(t *testing.T) {
	t.Parallel()
	const faulty = `{"directives": [
  {"id": "a", "level": "Shape", "ttl_secs": 60, "max_per_second": 0, "instances": {
    "names": ["a", "", "b c", 7], "nmaes": 1,
    "labels": {"zone": null, "": "x", "rack": ""},
    "per_mille": 1001}},
  {"id": "b", "level": "Shape", "ttl_secs": 60, "instances": {}},
  {"id": "c", "level": "Shape", "ttl_secs": 60, "instances": {"per_mille": 5, "names": ["a", "b", "a"]}},
  {"id": "d", "level": "Shape", "ttl_secs": 60, "instances": {"names": [], "labels": {}}},
  {"id": "e", "level": "Shape", "ttl_secs": 60, "instances": {"names": ["a"], "labels": {}}},
  {"id": "f", "level": "Shape", "ttl_secs": 60, "instances": {"names": ["ä", "b c"]}},
  {"id": "g", "level": "Shape", "ttl_secs": 60, "instances": 5, "max_per_second": "5"},
  {"id": "h", "level": "Shape", "ttl_secs": 60, "instances": {"names": "a", "labels": [], "per_mille": "1"}}
]}
`
	want := []string{
		"2:67 directives[0].max_per_second: must be 1 to 1000000",
		"3:20 directives[0].instances.names[1]: must not be empty",
		"3:31 directives[0].instances.names[3]: must be a string, not a number",
		`3:35 directives[0].instances: unknown field "nmaes": did you mean "names"?`,
		"4:24 directives[0].instances.labels.zone: must be a string, not null",
		"4:30 directives[0].instances.labels: the name of a label must not be empty",
		"4:47 directives[0].instances.labels.rack: must not be empty",
		"5:18 directives[0].instances.per_mille: must be 0 to 1000",
		"6:62 directives[1].instances: must have names, labels or per_mille",
		"7:99 directives[2].instances.names[2]: is the same as names[0]",
		"8:72 directives[3].instances.names: holds 0, must be 1 to 100",
		"9:89 directives[4].instances.labels: holds 0, must be 1 to 16",
		"10:73 directives[5].instances.names[0]: must be printable ASCII without spaces",
		"11:62 directives[6].instances: must be an object, not a number",
		"11:83 directives[6].max_per_second: must be a number, not a string",
		"12:72 directives[7].instances.names: must be an array, not a string",
		"12:87 directives[7].instances.labels: must be an object, not an array",
		"12:104 directives[7].instances.per_mille: must be a number, not a string",
	}
	for _, yaml := range []bool{false, true} {
		var got []string
		for _, f := range BodyFaults([]byte(faulty), time.Now(), BodyOptions{YAML: yaml}, 30) {
			got = append(got, fmt.Sprintf("%d:%d %s: %s", f.Line, f.Column, f.Path, f.Reason))
		}
		assert.Equal(t, want, got, "YAML: %v", yaml)
		for limit := 1; limit < len(want); limit++ {
			assert.Len(t, BodyFaults([]byte(faulty), time.Now(), BodyOptions{YAML: yaml}, limit), limit)
		}
	}
}
