package wire

import (
	"fmt"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// instanceFields lists the fields of a directive's instances, in a value and in a body.
var instanceFields = []string{"names", "labels", "per_mille"}

// decodeInstances reads the instances of a directive. It checks the types and what would be
// lost otherwise, because [directive.Builder.Add] checks the rest. The names and the labels
// belong to the reader, because Add copies them.
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
		return nil, invalid("", fmt.Sprintf("holds %d, must be 1 to %d", n, directive.MaxInstanceNames))
	}
	if r.names == nil {
		r.names = make([]string, directive.MaxInstanceNames)
	}
	names := r.names[:n]
	for i := range names {
		if names[i], err = r.text(""); err != nil {
			return nil, under(item(i), err)
		}
	}
	return names, nil
}

func decodeLabels(r *reader) (map[string]string, error) {
	n, err := r.mapLen("")
	if err != nil {
		return nil, err
	}
	if n > directive.MaxLabels {
		return nil, invalid("", fmt.Sprintf("holds %d, must be 1 to %d", n, directive.MaxLabels))
	}
	if r.labels == nil {
		r.labels = make(map[string]string, directive.MaxLabels)
	}
	labels := r.labels
	clear(labels)
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
		labels[name] = value
	}
	return labels, nil
}

// instances reads the instances of a directive in a body. It adds each fault at its own place,
// and returns false if the limit of faults is reached.
func (p *bodyParser) instances(n node, path string) (out *directive.Instances, more bool) {
	if n.kind != object {
		return nil, p.add(mustBe(object, n), n.at, path)
	}
	out, more = &directive.Instances{}, true
	for i := range n.entries {
		e := &n.entries[i]
		inner := path + "." + e.name
		switch e.name {
		case "names":
			out.Names, more = p.instanceNames(e.value, inner)
		case "labels":
			out.Labels, more = p.instanceLabels(e.value, inner)
		case "per_mille":
			perMille, err := integer(e.value, 0, 1000)
			if err != nil {
				more = p.add(err, e.value.at, inner)
			}
			share := int(perMille)
			out.PerMille = &share
		default:
			more = p.add(unknownName(e.name, instanceFields), e.at, path)
		}
		if !more {
			return nil, false
		}
	}
	return out, true
}

func (p *bodyParser) instanceNames(n node, path string) (names []string, more bool) {
	if n.kind != array {
		return nil, p.add(mustBe(array, n), n.at, path)
	}
	names = make([]string, len(n.items))
	for i, it := range n.items {
		var err error
		if names[i], err = nonEmpty(it); err != nil && !p.add(err, it.at, path+item(i)) {
			return nil, false
		}
	}
	return names, true
}

func (p *bodyParser) instanceLabels(n node, path string) (labels map[string]string, more bool) {
	if n.kind != object {
		return nil, p.add(mustBe(object, n), n.at, path)
	}
	labels = make(map[string]string, len(n.entries))
	for i := range n.entries {
		e := &n.entries[i]
		if err := checkLabelName(e); err != nil && !p.add(err, e.at, path) {
			return nil, false
		}
		value, err := nonEmpty(e.value)
		if err == nil {
			err = CheckNote("", value, directive.MaxLabelValueBytes)
		}
		if err != nil && !p.add(err, e.value.at, path+"."+inPath(e.name)) {
			return nil, false
		}
		labels[e.name] = value
	}
	return labels, true
}

// checkLabelName checks a field name that an operator chose.
func checkLabelName(e *entry) error {
	switch {
	case e.ambiguous:
		return invalid("", "the name of a label must be a string (put the name in quotes)")
	case e.name == "":
		return invalid("", "the name of a label must not be empty")
	case len(e.name) > directive.MaxLabelBytes:
		return invalid("", fmt.Sprintf("the name of a label is %d bytes, the limit is %d", len(e.name), directive.MaxLabelBytes))
	}
	return nil
}
