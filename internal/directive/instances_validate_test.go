package directive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNewSet_RejectedInstances(t *testing.T) {
	t.Parallel()
	many := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprint(i))
		}
		return names
	}
	labels := func(n int) map[string]string {
		out := make(map[string]string)
		for i := range n {
			out[fmt.Sprint(i)] = "v"
		}
		return out
	}
	label := func(name, value string) *Instances { return &Instances{Labels: map[string]string{name: value}} }
	for what, c := range map[string]struct {
		in   *Instances
		want string
	}{
		"nothing":       {&Instances{}, "instances: must have names, labels or per_mille"},
		"empty names":   {&Instances{Names: []string{}}, "instances.names: holds 0, must be 1 to 100"},
		"empty, share":  {&Instances{Names: []string{}, PerMille: share(5)}, "instances.names: holds 0, must be 1 to 100"},
		"empty labels":  {&Instances{Labels: labels(0)}, "instances.labels: holds 0, must be 1 to 16"},
		"101 names":     {&Instances{Names: many(101)}, "instances.names: holds 101, must be 1 to 100"},
		"17 labels":     {&Instances{Labels: labels(17)}, "instances.labels: holds 17, must be 1 to 16"},
		"empty name":    {&Instances{Names: []string{"a", ""}}, "instances.names[1]: must be 1 to 128 bytes"},
		"long name":     {&Instances{Names: []string{strings.Repeat("x", 129)}}, "instances.names[0]: must be 1 to 128 bytes"},
		"blank":         {&Instances{Names: []string{"a b"}}, "instances.names[0]: must be printable ASCII without spaces"},
		"DEL":           {&Instances{Names: []string{"a\x7f"}}, "instances.names[0]: must be printable ASCII without spaces"},
		"repeated":      {&Instances{Names: append(many(99), "42")}, "instances.names[99]: is the same as names[42]"},
		"label unnamed": {label("", "v"), "instances.labels: the name of a label must not be empty"},
		"label long":    {label(strings.Repeat("x", 65), "v"), "instances.labels: the name of a label is 65 bytes, the limit is 64"},
		"label UTF-8":   {label("\xff", "v"), "instances.labels: the name of a label is not valid UTF-8"},
		"value empty":   {label("a", ""), "instances.labels: the value of a label must not be empty"},
		"value long":    {label("a", strings.Repeat("x", 257)), "instances.labels: the value of a label is 257 bytes, the limit is 256"},
		"value UTF-8":   {label("a", "\xff"), "instances.labels: the value of a label is not valid UTF-8"},
		"share below":   {&Instances{PerMille: share(-1)}, "instances.per_mille: must be 0 to 1000"},
		"share above":   {&Instances{PerMille: share(1001)}, "instances.per_mille: must be 0 to 1000"},
	} {
		_, err := NewSet([]Directive{dir("first", nil), on("d", c.in)})
		assert.EqualError(t, err, "directives[1]."+c.want, what)
	}
	for _, limit := range []int{-1, 1_000_001} {
		_, err := NewSet([]Directive{dir("d", func(d *Directive) { d.MaxPerSecond = limit })})
		assert.EqualError(t, err, "directives[0].max_per_second: must be 1 to 1000000")
	}
	newSet(t, dir("d", func(d *Directive) {
		d.Instances = &Instances{Names: many(100), Labels: labels(16), PerMille: share(1000)}
		d.MaxPerSecond = 1_000_000
	}))
}
