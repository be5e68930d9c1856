package conformance

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompareJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expected, actual string
		want             *mismatch
	}{
		{`{"a":1,"b":[true,null]}`, `{"b":[true,null],"a":1.0}`, nil},
		{`99999999999999`, `99999999999998`, &mismatch{what: "x", expected: "99999999999999", actual: "99999999999998"}},
		{`1`, `"1"`, &mismatch{what: "x", expected: "1", actual: `"1"`}},
		{`{"a":[{"b":"c"}]}`, `{"a":[{"b":"d"}]}`, &mismatch{what: "x.a[0].b", expected: `"c"`, actual: `"d"`}},
		{`{"a":1}`, `{}`, &mismatch{what: "x.a", expected: "1", actual: "missing"}},
		{`{}`, `{"a":null}`, &mismatch{what: "x.a", expected: "missing", actual: "null"}},
		{`null`, ``, &mismatch{what: "x", expected: "null", actual: "missing"}},
		{`[1]`, `[1,2]`, &mismatch{what: "x (length)", expected: "1", actual: "2"}},
		{`[1]`, `{"0":1}`, &mismatch{what: "x", expected: "[1]", actual: `{"0":1}`}},
		{`"a"`, `["a"]`, &mismatch{what: "x", expected: `"a"`, actual: `["a"]`}},
	} {
		got := compareJSON("x", json.RawMessage(c.expected), json.RawMessage(c.actual))
		assert.Equal(t, c.want, got, "%s and %s", c.expected, c.actual)
	}
}

func TestLoad_RejectsWrongVectors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		``:                           "samples.jsonl: holds no vectors",
		`{`:                          "samples.jsonl: line 1: unexpected end of JSON input",
		`{"rules":["S1"]}`:           "samples.jsonl: line 1: has no name",
		`{"name":"a"}`:               "samples.jsonl: vector a: names no rules",
		`{"name":"a","rules":["S"]}`: "samples.jsonl: vector a: [S] are not numbers of rules",
		`{"name":"a","rules":["S1"],"level":"L9"}`: `samples.jsonl: vector a: level "L9" is none of [L1 L2 L3]`,
	} {
		files := smallVectors()
		files["samples.jsonl"] = []byte(line)
		_, err := load(files, Levels)
		require.EqualError(t, err, want)
	}
}

// TestRun_ScenarioWithUnknownStep proves that a scenario that the runner does not understand is
// no failure of the program.
func TestRun_ScenarioWithUnknownStep(t *testing.T) {
	t.Parallel()
	cfg := testConfig("right")
	cfg.Vectors["scenarios.jsonl"] = lines(
		named("new", "L2", "F1").with(object{"steps": []object{{"sleep": 1}}}))
	_, err := Run(t.Context(), cfg)
	require.EqualError(t, err, `scenarios.jsonl: vector new: steps[0]: json: unknown field "sleep"`)
}
