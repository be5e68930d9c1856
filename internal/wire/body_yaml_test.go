package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// yamlOf returns a body whose only directive has the field, on line 5.
func yamlOf(field string) string {
	return "directives:\n- id: a\n  level: Shape\n  ttl_secs: 60\n  " + field + "\n"
}

func TestParseBody_RejectedYAML(t *testing.T) {
	t.Parallel()
	requireRejected(t, BodyOptions{YAML: true}, rejectedYAMLNames)
	requireRejected(t, BodyOptions{YAML: true}, rejectedYAMLRecording)
	requireRejected(t, BodyOptions{YAML: true}, rejectedYAMLExpiries)
	requireRejected(t, BodyOptions{YAML: true}, rejectedYAMLStructure)
}

// rejectedYAMLNames are bodies with an invalid id, name, level or endpoint.
var rejectedYAMLNames = map[string]rejection{
	"number":                {yamlOf("tenant: 5"), "directives[0].tenant", "must be a string, not a number"},
	"octal":                 {yamlOf("tenant: 0o17"), "directives[0].tenant", "must be a string, not a number"},
	"date":                  {yamlOf("tenant: 2026-01-01"), "directives[0].tenant", "must be a string, not a date or time"},
	"infinity":              {yamlOf("tenant: .inf"), "directives[0].tenant", "must be a string, not a number"},
	"boolean":               {yamlOf("tenant: true"), "directives[0].tenant", "must be a string, not a boolean"},
	"yes":                   {yamlOf("tenant: yes"), "directives[0].tenant", "must be a string (put the value in quotes)"},
	"NO":                    {yamlOf("tenant: NO"), "directives[0].tenant", "must be a string (put the value in quotes)"},
	"nothing":               {yamlOf("tenant:"), "directives[0].tenant", "must be a string, not null"},
	"tilde":                 {yamlOf("tenant: ~"), "directives[0].tenant", "must be a string, not null"},
	"null":                  {yamlOf("tenant: Null"), "directives[0].tenant", "must be a string, not null"},
	"repeated":              {yamlOf("tenant: a\n  tenant: b"), "directives[0].tenant", "is repeated"},
	"repeated by an escape": {yamlOf("tenant: a\n  \"\\x74enant\": b"), "directives[0].tenant", "is repeated"},
	"anchor":                {yamlOf("tenant: &x a"), "directives[0].tenant", "YAML anchors are not allowed, at line 5, column 11"},
	"tag":                   {yamlOf("tenant: !!str 5"), "directives[0].tenant", "YAML tags are not allowed, at line 5, column 11"},
	"tag of its own":        {yamlOf("tenant: !env x"), "directives[0].tenant", "YAML tags are not allowed, at line 5, column 11"},
	"verbatim tag":          {yamlOf("tenant: !<tag:yaml.org,2002:str> 5"), "directives[0].tenant", "YAML tags are not allowed, at line 5, column 11"},
	"off":                   {yamlOf("tenant: off"), "directives[0].tenant", "must be a string (put the value in quotes)"},
	"y":                     {yamlOf("index: y"), "directives[0].index", "must be a string (put the value in quotes)"},
	"N":                     {yamlOf("principal: N"), "directives[0].principal", "must be a string (put the value in quotes)"},
	"True, a tenant":        {yamlOf("tenant: TRUE"), "directives[0].tenant", "must be a string (put the value in quotes)"},
	"base 60":               {yamlOf("tenant: 1:30"), "directives[0].tenant", "must be a string (put the value in quotes)"},
	"equals":                {yamlOf("tenant: ="), "directives[0].tenant", "must be a string (put the value in quotes)"},
	"id on":                 {"directives: [{id: on, level: Off, ttl_secs: 1}]", "directives[0].id", "must be a string (put the value in quotes)"},
	"id number":             {"directives: [{id: 7, level: Off, ttl_secs: 1}]", "directives[0].id", "must be a string, not a number"},
	"level off":             {"directives: [{id: a, level: off, ttl_secs: 1}]", "directives[0].level", levels},
	"level null":            {"directives: [{id: a, level: , ttl_secs: 1}]", "directives[0].level", "must be a string, not null"},
	"endpoint No":           {yamlOf("endpoint: No"), "directives[0].endpoint", endpoints},
	"endpoint Any":          {yamlOf("endpoint: Any"), "directives[0].endpoint", endpoints},
	"no value":              {"{directives: [{id: a, level: Off, ttl_secs: 1, tenant}]}", "directives[0].tenant", "must be a string, not null"},
	"quoted empty":          {yamlOf(`tenant: ""`), "directives[0].tenant", "must not be empty"},
	"no id":                 {"directives: [{level: Off, ttl_secs: 1}]", "directives[0].id", "is missing"},
	"a pair":                {"directives: [id: a]", "directives[0].level", "is missing"},
}

// rejectedYAMLRecording are bodies with an invalid sample, ring buffer or capture.
var rejectedYAMLRecording = map[string]rejection{
	"True":            {yamlOf("capture: True"), "directives[0].capture", "must be true or false"},
	"on":              {yamlOf("capture: on"), "directives[0].capture", "must be true or false"},
	"quoted boolean":  {yamlOf(`capture: "true"`), "directives[0].capture", "must be a boolean, not a string"},
	"hex":             {yamlOf("sample_per_mille: 0x10"), "directives[0].sample_per_mille", notInteger},
	"underscore":      {yamlOf("sample_per_mille: 1_0"), "directives[0].sample_per_mille", notInteger},
	"leading zero":    {yamlOf("sample_per_mille: 010"), "directives[0].sample_per_mille", notInteger},
	"plus":            {yamlOf("sample_per_mille: +10"), "directives[0].sample_per_mille", notInteger},
	"quoted number":   {yamlOf(`sample_per_mille: "10"`), "directives[0].sample_per_mille", "must be a number, not a string"},
	"lone tag":        {yamlOf("capture: ! true"), "directives[0].capture", "YAML tags are not allowed, at line 5, column 12"},
	"capture null":    {yamlOf("capture: null"), "directives[0].capture", "must be a boolean, not null"},
	"capture 1":       {yamlOf("capture: 1"), "directives[0].capture", "must be a boolean, not a number"},
	"octal sample":    {yamlOf("sample_per_mille: 0o10"), "directives[0].sample_per_mille", notInteger},
	"binary":          {yamlOf("sample_per_mille: 0b10"), "directives[0].sample_per_mille", notInteger},
	"exponent":        {yamlOf("sample_per_mille: 1e2"), "directives[0].sample_per_mille", notInteger},
	"fraction":        {yamlOf("sample_per_mille: 10.0"), "directives[0].sample_per_mille", notInteger},
	"negative":        {yamlOf("sample_per_mille: -10"), "directives[0].sample_per_mille", notInteger},
	"minus 0":         {yamlOf("sample_per_mille: -0"), "directives[0].sample_per_mille", notInteger},
	"not a number":    {yamlOf("sample_per_mille: .NaN"), "directives[0].sample_per_mille", notInteger},
	"word for number": {yamlOf("sample_per_mille: ten"), "directives[0].sample_per_mille", "must be a number, not a string"},
	"date for number": {yamlOf("sample_per_mille: 2026-01-01"), "directives[0].sample_per_mille", "must be a number, not a date or time"},
	"sample 1001":     {yamlOf("sample_per_mille: 1001"), "directives[0].sample_per_mille", "must be 0 to 1000"},
	"overflow":        {yamlOf("sample_per_mille: 18446744073709551617"), "directives[0].sample_per_mille", "must be 0 to 1000"},
}

// rejectedYAMLExpiries are bodies with an invalid TTL or expiry.
var rejectedYAMLExpiries = map[string]rejection{
	"ttl 0":          {"directives: [{id: a, level: Off, ttl_secs: 0}]", "directives[0].ttl_secs", "must be 1 to 86400"},
	"ttl 00":         {"directives: [{id: a, level: Off, ttl_secs: 00}]", "directives[0].ttl_secs", notInteger},
	"ttl duration":   {"directives: [{id: a, level: Off, ttl_secs: 10m}]", "directives[0].ttl_secs", "must be a number, not a string"},
	"ttl quoted":     {`directives: [{id: a, level: Off, ttl_secs: "60"}]`, "directives[0].ttl_secs", "must be a number, not a string"},
	"expiry number":  {"directives: [{id: a, level: Off, expires_at: 1772370000}]", "directives[0].expires_at", "must be a string, not a number"},
	"expiry day":     {"directives: [{id: a, level: Off, expires_at: 2026-03-01}]", "directives[0].expires_at", notTime},
	"expiry space":   {"directives: [{id: a, level: Off, expires_at: 2026-03-01 13:00:00Z}]", "directives[0].expires_at", notTime},
	"ttl and expiry": {yamlOf("expires_at: 2026-03-01T13:00:00Z"), "directives[0].expires_at", "ttl_secs and expires_at are both set (set only one)"},
}

// rejectedYAMLStructure are bodies with a wrong syntax or structure.
var rejectedYAMLStructure = map[string]rejection{
	"alias":                {"directives: &x []\nmore: *x\n", "directives", "YAML anchors are not allowed, at line 1, column 13"},
	"merge":                {yamlOf("<<: {tenant: a}"), "directives[0]", "YAML merge keys are not allowed, at line 5, column 3"},
	"documents":            {yamlOf("tenant: a") + "---\n" + yamlOf("tenant: b"), "", "holds more than one YAML document"},
	"mapping key":          {yamlOf("? {a: b}\n  : c"), "directives[0]", "has a field name that is not a string, at line 5, column 5"},
	"only a comment":       {"# nothing\n", "", "the body is empty"},
	"only a document":      {"---\n", "", "must be an object, not null"},
	"string":               {"directives\n", "", "must be an object, not a string"},
	"byte order mark":      {"\uFEFFdirectives: []\n", "", "the body begins with a byte order mark (save the file without it)"},
	"deep":                 {"a: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "a" + strings.Repeat("[0]", 15), "is nested too deeply"},
	"misspelled":           {yamlOf("end_point: Search"), "directives[0]", `unknown field "end_point": did you mean "endpoint"?`},
	"key number":           {yamlOf("5: x"), "directives[0]", "has a field name that is not a string, at line 5, column 3"},
	"key null":             {yamlOf("~: x"), "directives[0]", "has a field name that is not a string, at line 5, column 3"},
	"key boolean":          {yamlOf("true: x"), "directives[0]", "has a field name that is not a string, at line 5, column 3"},
	"key empty":            {yamlOf(": x"), "directives[0]", "has a field name that is not a string, at line 5, column 3"},
	"key anchor":           {yamlOf("&x tenant: a"), "directives[0]", "YAML anchors are not allowed, at line 5, column 3"},
	"key tag":              {yamlOf("!!str tenant: a"), "directives[0]", "YAML tags are not allowed, at line 5, column 3"},
	"key quoted <<":        {yamlOf("'<<': a"), "directives[0]", `unknown field "<<"`},
	"Tenant":               {yamlOf("Tenant: a"), "directives[0]", `unknown field "Tenant": did you mean "tenant"?`},
	"unknown alias":        {yamlOf("tenant: *secret"), "", "YAML aliases are not allowed, at line 5, column 11"},
	"alias of itself":      {"a: &a [*a]\n", "a", "YAML anchors are not allowed, at line 1, column 4"},
	"tagged array":         {"directives: ! []\n", "directives", "YAML tags are not allowed, at line 1, column 13"},
	"tagged object":        {"!!map {directives: []}\n", "", "YAML tags are not allowed, at line 1, column 1"},
	"unknown handle":       {yamlOf("tenant: !secret!x a"), "", "not valid YAML: found undefined tag handle, at line 5, column 11"},
	"version":              {"%YAML 1.1\n---\ndirectives: []\n", "", "YAML directives are not allowed, at line 1, column 1"},
	"tag directive":        {"# x\r\n%TAG !x! y\n---\ndirectives: []\n", "", "YAML directives are not allowed, at line 2, column 1"},
	"old line break":       {yamlOf("# acme only\u2028  tenant: a"), "", "holds a line break that YAML versions interpret differently, at line 5, column 14 (write it as an escape in double quotes)"},
	"next line":            {yamlOf("tenant: a\u0085b"), "", "holds a line break that YAML versions interpret differently, at line 5, column 12 (write it as an escape in double quotes)"},
	"wrong nesting":        {"directives:\n  id: a\n", "directives", "must be an array, not an object"},
	"nested match":         {yamlOf("match:\n    tenant: a"), "directives[0]", `unknown field "match"`},
	"after the end":        {"directives: []\n...\nx\n", "", "holds more than one YAML document"},
	"data on the end mark": {"directives: []\n... x\n", "", "not valid YAML: found unexpected content after document-end marker, at line 2, column 5"},
	"empty second":         {"directives: []\n---\n", "", "holds more than one YAML document"},
	"no bytes":             {"", "", "the body is empty"},
	"end marks":            {"...\n...\n", "", "the body is empty"},
	"control":              {yamlOf("tenant: a\x1bb"), "", "not valid YAML: control characters are not allowed (value: 27)"},
	"not UTF-8":            {yamlOf("tenant: a\xff"), "", "the body is not valid UTF-8, at line 5, column 12"},
	"surrogate":            {yamlOf(`tenant: "\ud800"`), "", "not valid YAML: found invalid Unicode character escape code, at line 5, column 14"},
	"tab":                  {"\tdirectives: []", "", "not valid YAML: found character that cannot start any token, at line 1, column 1"},
	"colons":               {"a: b: c", "", "not valid YAML: mapping values are not allowed in this context, at line 1, column 5"},
	"open":                 {"{", "", "not valid YAML: did not find expected node content, at line 2, column 1"},
	"mixed brackets":       {"directives: [}", "", "not valid YAML: did not find expected node content, at line 1, column 14"},
	"too large":            {"directives: []" + strings.Repeat("\n", MaxBodyBytes+1-14), "", "the body is 4194305 bytes, the limit is 4194304"},
	"max depth":            {strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), "", "must be an object, not an array"},
	"one level too deep":   {strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), strings.Repeat("[0]", maxDepth), "is nested too deeply"},
	"too many":             {"directives:\n" + strings.Repeat("- {}\n", 10_001), "directives", "holds 10001, the limit is 10000"},
}

// TestParseBody_HostileYAMLRejectedSoon parses bodies for which the YAML library alone
// needs seconds to hours, or gigabytes. checkYAMLText rejects them first.
func TestParseBody_HostileYAMLRejectedSoon(t *testing.T) {
	t.Parallel()
	const dense = "holds more values than are accepted in YAML (write the body in JSON)"
	start := time.Now()
	requireRejected(t, BodyOptions{YAML: true}, map[string]rejection{
		"brackets":  {strings.Repeat("[", 1_000_000), "", dense},
		"braces":    {strings.Repeat("{a: ", 1_000_000), "", dense},
		"items":     {strings.Repeat("- ", 1_000_000), "", dense},
		"keys":      {strings.Repeat("? ", 1_000_000), "", dense},
		"lines":     {strings.Repeat("-\n", 2_000_000), "", dense},
		"commas":    {"[" + strings.Repeat("a,", 2_000_000) + "]", "", dense},
		"values":    {"{" + strings.Repeat("a:,", 1_000_000) + "}", "", dense},
		"quotes":    {strings.Repeat(`"`, MaxBodyBytes), "", dense},
		"tags":      {strings.Repeat("%TAG !a! b\n", 380_000), "", "YAML directives are not allowed, at line 1, column 1"},
		"no tokens": {"a: " + strings.Repeat("x", 4_000_000), "", `unknown field "a"`},
		"under":     {strings.Repeat("[", 290_000), "", "not valid YAML: exceeded max depth of 10000, at line 1, column 10001"},
		"items too": {strings.Repeat("- ", 290_000), "", "not valid YAML: exceeded max depth of 10000, at line 1, column 20001"},
		"closed":    {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), strings.Repeat("[0]", 16), "is nested too deeply"},
		"stairs":    {stairs(1_000), "a" + strings.Repeat(".a", 15), "is nested too deeply"},
		"comments":  {"a:\n" + strings.Repeat(" # x\n", 700_000), "", `unknown field "a"`},
	})
	require.Less(t, time.Since(start), time.Minute)
}

// stairs returns n nested blocks, each indented by one more space.
func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestParseBody_PlainYAMLStrings(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"acme", "5acme", "3f2a-77", "10.0.0.1", "1e3f", "0x", "2026-03-01-logs", "2026.03.01", "a:b", "off-peak", "-x", "nil", "none",
		"Störung", "a b", "x#y", ".orders", "_all", "=x", "<<x", "a%b", "a?b",
	} {
		set, err := ParseBody([]byte(yamlOf("tenant: "+word)), now, BodyOptions{YAML: true})
		require.NoError(t, err, word)
		require.Equal(t, word, set.Directives()[0].Match.Tenant)
	}
	for _, quoted := range []string{`"5"`, `'null'`, `"yes"`, "|-\n    true", ">-\n    ~"} {
		set, err := ParseBody([]byte(yamlOf("tenant: "+quoted)), now, BodyOptions{YAML: true})
		require.NoError(t, err, quoted)
		require.Equal(t, strings.Trim(quoted, "|->\n \"'"), set.Directives()[0].Match.Tenant)
	}
}

// TestParseBody_LargestYAMLSet checks that the largest set, with quotes around every
// name, is within the limits of checkYAMLText.
func TestParseBody_LargestYAMLSet(t *testing.T) {
	t.Parallel()
	var block, flow strings.Builder
	block.WriteString("directives:\n")
	flow.WriteString(`{"directives":[`)
	for i := range directive.MaxDirectives {
		fmt.Fprintf(&block, "- id: d%d\n  level: Off\n  ttl_secs: 1\n  sample_per_mille: 1\n  ring_buffer: true\n  capture: true\n"+
			"  tenant: a\n  index: b\n  principal: c\n  endpoint: Search\n  max_per_second: 1\n", i)
		fmt.Fprintf(&flow, `{"id":"d%d","level":"Off","ttl_secs":1,"sample_per_mille":1,"ring_buffer":true,"capture":true,`+
			`"tenant":"a","index":"b","principal":"c","endpoint":"Search","max_per_second":1},`, i)
	}
	flow.WriteString("]}") // YAML allows the comma after the last item
	fromBlock, err := ParseBody([]byte(block.String()), now, BodyOptions{YAML: true})
	require.NoError(t, err)
	fromFlow, err := ParseBody([]byte(flow.String()), now, BodyOptions{YAML: true})
	require.NoError(t, err)
	require.Equal(t, fromBlock.Directives(), fromFlow.Directives())
}
