package wire

import (
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// instanceFields lists the fields of a directive's instances, in a value and in a body.
var instanceFields = []string{"names", "labels", "per_mille"}

// decodeInstances reads the instances of a directive. It checks the types and what would be
// lost otherwise, because [directive.Builder.Add] checks the rest.
func decodeInstances(r *reader) (*directive.Instances, error) {
	n, err := r.mapLen("")
	if err != nil {
		return nil, err
	}
	out := &directive.Instances{}
	seen := 0
	for range n {
		key, err := r.text("")
		if err != nil {
			return nil, err
		}
		bit := 0
		switch key {
		case "names":
			bit = 1 << 0
			out.Names, err = decodeNames(r)
		case "labels":
			bit = 1 << 1
			out.Labels, err = decodeLabels(r)
		case "per_mille":
			bit = 1 << 2
			var perMille int64
			perMille, err = r.integer("", 0, 1000)
			n := int(perMille)
			out.PerMille = &n
		default:
			return nil, unknownName(key, nil)
		}
		if err != nil {
			return nil, under(key, err)
		}
		if seen&bit != 0 {
			return nil, invalid(key, "is repeated")
		}
		seen |= bit
	}
	return out, nil
}

func decodeNames(r *reader) ([]string, error) {
	n, err := r.arrayLen("")
	if err != nil {
		return nil, err
	}
	if n > directive.MaxInstanceNames {
		return nil, invalid("", fmt.Sprintf("holds %d, the limit is %d", n, directive.MaxInstanceNames))
	}
	names := make([]string, n)
	for i := range names {
		if names[i], err = r.text(""); err != nil {
			return nil, under(item(i), err)
		}
		names[i] = strings.Clone(names[i]) // the set keeps nothing of the value
	}
	return names, nil
}

func decodeLabels(r *reader) (map[string]string, error) {
	n, err := r.mapLen("")
	if err != nil {
		return nil, err
	}
	if n > directive.MaxLabels {
		return nil, invalid("", fmt.Sprintf("holds %d, the limit is %d", n, directive.MaxLabels))
	}
	labels := make(map[string]string, n)
	for range n {
		name, err := r.text("")
		if err != nil {
			return nil, err
		}
		if _, twice := labels[name]; twice {
			return nil, invalid("", "has a repeated name")
		}
		value, err := r.text("")
		if err != nil {
			return nil, err
		}
		labels[strings.Clone(name)] = strings.Clone(value)
	}
	return labels, nil
}

// instances reads the instances of a directive in a body.
func (p *bodyParser) instances(n node) (*directive.Instances, error) {
	if n.kind != object {
		return nil, mustBe(object, n)
	}
	out := &directive.Instances{}
	for i := range n.entries {
		e := &n.entries[i]
		var err error
		switch e.name {
		case "names":
			out.Names, err = instanceNames(e.value)
		case "labels":
			out.Labels, err = instanceLabels(e.value)
		case "per_mille":
			var perMille int64
			perMille, err = integer(e.value, 0, 1000)
			n := int(perMille)
			out.PerMille = &n
		default:
			return nil, unknownName(e.name, instanceFields)
		}
		if err != nil {
			return nil, under(e.name, err)
		}
	}
	return out, nil
}

func instanceNames(n node) ([]string, error) {
	if n.kind != array {
		return nil, mustBe(array, n)
	}
	names := make([]string, len(n.items))
	for i, it := range n.items {
		var err error
		if names[i], err = nonEmpty(it); err != nil {
			return nil, under(item(i), err)
		}
	}
	return names, nil
}

func instanceLabels(n node) (map[string]string, error) {
	if n.kind != object {
		return nil, mustBe(object, n)
	}
	labels := make(map[string]string, len(n.entries))
	for i := range n.entries {
		e := &n.entries[i]
		value, err := nonEmpty(e.value)
		if err != nil {
			return nil, under(inPath(e.name), err)
		}
		labels[e.name] = value
	}
	return labels, nil
}
