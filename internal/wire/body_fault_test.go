package wire_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// faultsOf returns the faults of a body, each in one line.
func faultsOf(body string, yaml bool, limit int) (lines []string) {
	for _, f := range wire.BodyFaults([]byte(body), time.Now(), wire.BodyOptions{YAML: yaml}, limit) {
		lines = append(lines, fmt.Sprintf("%d:%d %s: %s", f.Line, f.Column, f.Path, f.Reason))
	}
	return lines
}

const faulty = `{"directives": [
  {"id": "a", "level": "Shpae", "ttl_secs": 60, "tennant": "acme"},
  {"id": "b", "level": "Shape", "ttl_secs": 60, "tenant": 5, "capture": null},
  {"id": "ok", "level": "Shape", "ttl_secs": 60},
  7,
  {"id": "ok", "level": "Shape", "ttl_secs": 60, "endpoint": "search"},
  {"id": "ok", "level": "Shape", "ttl_secs": 60},
  {"level": "Shape", "ttl_secs": 60, "expires_at": "tomorrow"},
  {"id": "c", "level": "Shape"}
], "more": 1}
`

func TestBodyFaults_ListsAll(t *testing.T) {
	t.Parallel()
	want := []string{
		`2:24 directives[0].level: unknown level (use Off, Shape, ShapeTiming or ShapeRewriteDiff): did you mean "Shape"?`,
		`2:49 directives[0]: unknown field "tennant": did you mean "tenant"?`,
		`3:59 directives[1].tenant: must be a string, not a number`,
		`3:73 directives[1].capture: must be a boolean, not null`,
		`5:3 directives[3]: must be an object, not a number`,
		`6:62 directives[4].endpoint: unknown endpoint (use IngestDoc, IngestBulk, Search, MultiSearch, Count, GetById, ` +
			`MultiGet, DeleteById, DeleteByQuery, Cursor, Admin or Unknown): did you mean "Search"?`,
		`7:10 directives[5].id: is the same as that of directives[2]`,
		`8:3 directives[6].id: is missing`,
		`8:38 directives[6].expires_at: ttl_secs and expires_at are both set (set only one)`,
		`9:3 directives[7].ttl_secs: is missing (set ttl_secs or expires_at)`,
		`10:4 : unknown field "more"`,
	}
	assert.Equal(t, want, faultsOf(faulty, false, 20))
	assert.Equal(t, want, faultsOf(faulty, true, 20), "the same text as YAML")
	assert.Len(t, faultsOf(faulty, false, 3), 3)
	assert.Len(t, faultsOf(strings.Replace(faulty, "tennant", strings.Repeat("x", 200), 1), false, 20), len(want))
}

func TestBodyFaults_OneFault(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"directives":[{"id":"a","\u0069d":"b"}]}`: "1:26 directives[0].id: is repeated",
		`{"directives":[{"id":"a"`:                  "0:0 directives[0]: not valid JSON: unexpected EOF, at line 1, column 25",
		"":                                          "0:0 : the body is empty",
		`{"directives":5}`:                          "1:15 directives: must be an array, not a number",
		`{}`:                                        "1:1 directives: is missing",
		`[]`:                                        "1:1 : must be an object, not an array",
		"{\"directives\":\n[{\"id\":" + strings.Repeat("[", 20):   "",
		"{\"directives\":[]}\r":                                   "0:0 : holds a carriage return without a line feed, at line 1, column 18 (end lines with a line feed)",
		"{\"directives\":\r\n[\r{}]}":                             "0:0 : holds a carriage return without a line feed, at line 2, column 2 (end lines with a line feed)",
		"# harmless\rdirectives: []\n":                            "0:0 : holds a carriage return without a line feed, at line 1, column 11 (end lines with a line feed)",
		"directives: # off\r[{id: a, level: Off, ttl_secs: 1}]\n": "0:0 : holds a carriage return without a line feed, at line 1, column 18 (end lines with a line feed)",
		"directives: [] # \u2028\n":                               "0:0 : holds a line break that YAML versions interpret differently, at line 1, column 18 (write it as an escape in double quotes)",
		"directives: [] # \u0085\n":                               "0:0 : holds a line break that YAML versions interpret differently, at line 1, column 18 (write it as an escape in double quotes)",
	} {
		got := faultsOf(body, !strings.HasPrefix(body, "{") && !strings.HasPrefix(body, "["), 20)
		require.Len(t, got, 1, body)
		if want != "" {
			assert.Equal(t, want, got[0], "%q", body)
		}
	}
	assert.Empty(t, faultsOf("{\"directives\":\r\n[]}\r\n", false, 20))
	assert.Empty(t, faultsOf("directives: [] # a comment\r\n", true, 20))
}

// TestBodyFaults_AgreesWithParseBody checks that a body has faults if and only if it is
// rejected, and that the first error is among its faults.
func TestBodyFaults_AgreesWithParseBody(t *testing.T) {
	t.Parallel()
	fields := []string{
		`"id":"a"`, `"id":"b"`, `"id":""`, `"id":7`, `"level":"Shape"`, `"level":"shape"`, `"ttl_secs":60`, `"ttl_secs":0`,
		`"tenant":"acme"`, `"tenant":""`, `"tennant":"x"`, `"expires_at":"x"`, `"sample_per_mille":1001`, `"capture":true`,
		`"max_per_second":0`, `"max_per_second":5`, `"instances":{}`, `"instances":{"names":["a","a"]}`, `"instances":{"per_mille":5}`,
		`"instances":{"labels":{"a":1,"":"b"},"name":1,"names":[7,8]}`, `"instances":{"labels":{}}`, `"instances":null`,
	}
	valid := `{"id":"a","level":"Shape","ttl_secs":60}`
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.OneOf(rapid.Just(valid), rapid.Map(rapid.SliceOfN(rapid.SampledFrom(fields), 0, 5), func(f []string) string {
			return "{" + strings.Join(f, ",") + "}"
		}))
		body := []byte(`{"directives":[` + strings.Join(rapid.SliceOfN(item, 0, 3).Draw(t, "items"), ",") + "]}")
		now := time.Now()
		yaml := rapid.Bool().Draw(t, "yaml")
		_, err := wire.ParseBody(body, now, wire.BodyOptions{YAML: yaml})
		faults := wire.BodyFaults(body, now, wire.BodyOptions{YAML: yaml}, 20)
		if err == nil {
			require.Empty(t, faults)
			return
		}
		var errors []string
		for _, f := range faults {
			require.Positive(t, f.Line, "%+v", f)
			errors = append(errors, strings.TrimPrefix(f.Path+": "+f.Reason, ": "))
		}
		found := false
		for _, text := range errors {
			found = found || strings.HasPrefix(text, err.Error())
		}
		require.True(t, found, "%v is not among %v", err, errors)
	})
}
