package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// detailedValue returns a value of format 2 whose directive has the fields too.
func detailedValue(more ...any) fields {
	return withDirective(append(append(fields{}, goodDirective...), more...)).with("format", 2)
}

// manyDirectives returns as many directives as a set may have, with the same id and the fields.
func manyDirectives(more ...any) []any {
	all := make([]any, directive.MaxDirectives)
	for i := range all {
		all[i] = append(append(fields{}, goodDirective...), more...)
	}
	return all
}

// manyNames returns n different names.
func manyNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("proxy-", i)
	}
	return names
}

// pairs returns a map of n labels.
func pairs(n int) (labels fields) {
	for i := range n {
		labels = append(labels, fmt.Sprint("l", i), "v")
	}
	return labels
}

// withNames returns instances with these names.
func withNames(names ...any) fields { return fields{"names", names} }

// rejectedInstanceFields are instances of a value.
var rejectedInstanceFields = map[string]struct {
	instances any
	path      string // below instances
	reason    string
}{
	"a list":             {[]any{}, "", "must be of type map, not array"},
	"nil":                {nil, "", "must be of type map, not nil"},
	"a name":             {"proxy-1", "", "must be of type map, not string"},
	"nothing":            {fields{}, "", "must have names, labels or per_mille"},
	"unknown":            {fields{"name", "a"}, "", `unknown field "name"`},
	"unknown second":     {fields{"per_mille", 5, "per_cent", 5}, "", `unknown field "per_cent"`},
	"a number for a key": {fields{5, 5}, "", "must be of type string, not integer"},
	"names nil":          {fields{"names", nil}, ".names", "must be of type array, not nil"},
	"names a name":       {fields{"names", "a"}, ".names", "must be of type array, not string"},
	"names a map":        {fields{"names", fields{}}, ".names", "must be of type array, not map"},
	"names empty":        {fields{"names", []any{}}, ".names", "holds 0, must be 1 to 100"},
	"names empty, share": {fields{"names", []any{}, "per_mille", 5}, ".names", "holds 0, must be 1 to 100"},
	"101 names":          {fields{"names", manyNames(101)}, ".names", "holds 101, must be 1 to 100"},
	"names repeated":     {fields{"names", []any{"a"}, "names", []any{"b"}}, ".names", "is repeated"},
	"name a number":      {withNames("a", 1), ".names[1]", "must be of type string, not integer"},
	"name nil":           {withNames(nil), ".names[0]", "must be of type string, not nil"},
	"name a list":        {withNames([]any{"a"}), ".names[0]", "must be of type string, not array"},
	"name empty":         {withNames("a", ""), ".names[1]", "must be 1 to 128 bytes"},
	"name long":          {withNames(strings.Repeat("x", 129)), ".names[0]", "must be 1 to 128 bytes"},
	"name with a blank":  {withNames("a b"), ".names[0]", "must be printable ASCII without spaces"},
	"name not ASCII":     {withNames("ä"), ".names[0]", "must be printable ASCII without spaces"},
	"name not UTF-8":     {withNames("\xff"), ".names[0]", "must be printable ASCII without spaces"},
	"name again":         {withNames("a", "b", "c", "b"), ".names[3]", "is the same as names[1]"},
	"labels nil":         {fields{"labels", nil}, ".labels", "must be of type map, not nil"},
	"labels a list":      {fields{"labels", []any{}}, ".labels", "must be of type map, not array"},
	"labels empty":       {fields{"labels", fields{}}, ".labels", "holds 0, must be 1 to 16"},
	"labels empty, name": {fields{"names", []any{"a"}, "labels", fields{}}, ".labels", "holds 0, must be 1 to 16"},
	"17 labels":          {fields{"labels", pairs(17)}, ".labels", "holds 17, must be 1 to 16"},
	"labels repeated":    {fields{"labels", pairs(1), "labels", pairs(1)}, ".labels", "is repeated"},
	"label again":        {fields{"labels", fields{"a", "b", "a", "b"}}, ".labels", "has a repeated name"},
	"label no string":    {fields{"labels", fields{1, "b"}}, ".labels", "must be of type string, not integer"},
	"label unnamed":      {fields{"labels", fields{"", "b"}}, ".labels", "the name of a label must not be empty"},
	"label long":         {fields{"labels", fields{strings.Repeat("x", 65), "b"}}, ".labels", "the name of a label is 65 bytes, the limit is 64"},
	"label not UTF-8":    {fields{"labels", fields{"\xff", "b"}}, ".labels", "the name of a label is not valid UTF-8"},
	"value no string":    {fields{"labels", fields{"a", true}}, ".labels", "must be of type string, not boolean"},
	"value nil":          {fields{"labels", fields{"a", nil}}, ".labels", "must be of type string, not nil"},
	"value empty":        {fields{"labels", fields{"a", ""}}, ".labels", "the value of a label must not be empty"},
	"value long":         {fields{"labels", fields{"a", strings.Repeat("x", 257)}}, ".labels", "the value of a label is 257 bytes, the limit is 256"},
	"value not UTF-8":    {fields{"labels", fields{"a", "\xff"}}, ".labels", "the value of a label is not valid UTF-8"},
	"share negative":     {fields{"per_mille", -1}, ".per_mille", "must be 0 to 1000"},
	"share above":        {fields{"per_mille", 1001}, ".per_mille", "must be 0 to 1000"},
	"share huge":         {fields{"per_mille", uint64(1) << 63}, ".per_mille", "must be 0 to 1000"},
	"share nil":          {fields{"per_mille", nil}, ".per_mille", "must be of type integer, not nil"},
	"share a string":     {fields{"per_mille", "5"}, ".per_mille", "must be of type integer, not string"},
	"share repeated":     {fields{"per_mille", 5, "per_mille", 1000}, ".per_mille", "is repeated"},
}

func TestDecode_RejectedInstances(t *testing.T) {
	t.Parallel()
	for name, c := range rejectedInstanceFields {
		_, err := Decode(pack(t, detailedValue("instances", c.instances)))
		invalid := new(directive.ValidationError)
		require.True(t, errors.As(err, &invalid), "%s: %v", name, err)
		assert.Equal(t, "directives[0].instances"+c.path, invalid.Path, name)
		assert.Equal(t, c.reason, invalid.Reason, name)
	}
}

func TestDecode_RejectedDetails(t *testing.T) {
	t.Parallel()
	some := fields{"per_mille", 5}
	for name, c := range map[string]struct {
		value fields
		want  string
	}{
		"limit 0":                {detailedValue("max_per_second", 0), "directives[0].max_per_second: must be 1 to 1000000"},
		"limit negative":         {detailedValue("max_per_second", -5), "directives[0].max_per_second: must be 1 to 1000000"},
		"limit above":            {detailedValue("max_per_second", 1_000_001), "directives[0].max_per_second: must be 1 to 1000000"},
		"limit nil":              {detailedValue("max_per_second", nil), "directives[0].max_per_second: must be of type integer, not nil"},
		"limit a string":         {detailedValue("max_per_second", "5"), "directives[0].max_per_second: must be of type integer, not string"},
		"limit repeated":         {detailedValue("max_per_second", 5, "max_per_second", 5), "directives[0].max_per_second: is repeated"},
		"instances repeated":     {detailedValue("instances", some, "instances", some), "directives[0].instances: is repeated"},
		"Instances":              {detailedValue("Instances", some), `directives[0]: unknown field "Instances"`},
		"instances in format 1":  {detailedValue("instances", some).with("format", 1), `directives[0]: unknown field "instances"`},
		"limit in format 1":      {detailedValue("max_per_second", 5).with("format", 1), `directives[0]: unknown field "max_per_second"`},
		"rubbish in format 1":    {detailedValue("instances", 7).with("format", 1), `directives[0]: unknown field "instances"`},
		"instances at the top":   {append(goodValue.with("format", 2), "instances", some), `unknown field "instances"`},
		"instances of format 3":  {detailedValue("instances", some).with("format", 3), "format: is 3, this fleetdial reads up to 2"},
		"a required key is gone": {detailedValue("instances", some).with("directives", []any{append(goodDirective.without("capture"), "instances", some)}), "directives[0].capture: is missing"},
	} {
		_, err := Decode(pack(t, c.value))
		assert.EqualError(t, err, c.want, name)
	}
}

func TestDecode_DetailsAtLimits(t *testing.T) {
	t.Parallel()
	names := manyNames(100)
	names[0] = strings.Repeat("~", 128)
	labels := append(pairs(15), strings.Repeat("n", 64), strings.Repeat("v", 256))
	for _, perMille := range []int{0, 1, 1000} {
		for _, limit := range []int{1, 1_000_000} {
			rev, err := Decode(pack(t, detailedValue(
				"max_per_second", limit, "instances", fields{"per_mille", perMille, "labels", labels, "names", names},
			)))
			require.NoError(t, err)
			d := directive.At(rev.Set, 0)
			assert.Equal(t, limit, d.MaxPerSecond)
			assert.Equal(t, perMille, *d.Instances.PerMille)
			assert.Equal(t, names, d.Instances.Names)
			assert.Len(t, d.Instances.Labels, 16)
			assert.Equal(t, strings.Repeat("v", 256), d.Instances.Labels[strings.Repeat("n", 64)])
		}
	}
}

// TestDecode_TruncatedDetails truncates a value after each byte.
func TestDecode_TruncatedDetails(t *testing.T) {
	t.Parallel()
	value, err := Encode(goldenRevisions(t)["canary"])
	require.NoError(t, err)
	for end := range value {
		_, err := Decode(value[:end])
		malformed := new(MalformedError)
		require.True(t, errors.As(err, &malformed), "%d bytes: %v", end, err)
	}
}

// TestDecode_InstancesOfEachDirective checks that no directive has what the one before it had.
func TestDecode_InstancesOfEachDirective(t *testing.T) {
	t.Parallel()
	with := func(id string, instances fields) fields {
		return append(goodDirective.with("id", id), "instances", instances)
	}
	rev, err := Decode(pack(t, goodValue.with("format", 2).with("directives", []any{
		with("a", fields{"names", []any{"p1", "p2", "p3"}, "labels", fields{"zone", "eu", "rack", "1"}}),
		with("b", fields{"names", []any{"q1"}}),
		with("c", fields{"labels", fields{"zone", "us"}}),
		with("d", fields{"per_mille", 5}),
		goodDirective.with("id", "e"),
	})))
	require.NoError(t, err)
	var got []*directive.Instances
	for _, d := range rev.Set.Directives() {
		got = append(got, d.Instances)
	}
	assert.Equal(t, []*directive.Instances{
		{Names: []string{"p1", "p2", "p3"}, Labels: map[string]string{"zone": "eu", "rack": "1"}},
		{Names: []string{"q1"}},
		{Labels: map[string]string{"zone": "us"}},
		{PerMille: share(5)},
		nil,
	}, got)
}
