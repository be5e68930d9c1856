package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// BodyFault is a fault of a publish body. Line and Column count from 1, the column in bytes
// in JSON and in characters in YAML. Both are 0 if the fault has no place, or if its reason
// names the place.
type BodyFault struct {
	Path, Reason string
	Line, Column int
}

// BodyFaults returns the faults of a publish body in their order, at most limit. It returns
// none if [ParseBody] accepts the body.
func BodyFaults(body []byte, now time.Time, opts BodyOptions, limit int) []BodyFault {
	p, directives := parse(body, now, opts.MaxTTL, opts.reader(), limit)
	if p.valid != nil {
		p.checkLimits(directives)
	}
	slices.SortStableFunc(p.faults, func(a, b BodyFault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return p.faults
}

// add adds a fault, and reports whether there may be more. place goes before the path of the
// error.
func (p *bodyParser) add(err error, at position, place string) (more bool) {
	fault := BodyFault{Line: at.line, Column: at.column}
	if place != "" {
		err = under(place, err)
	}
	if e, ok := err.(*directive.ValidationError); ok {
		fault.Path, fault.Reason = e.Path, e.Reason
	} else {
		fault.Reason = err.Error()
	}
	if at.line == 0 && at != (position{}) {
		fault.Line, fault.Column = lineColumn(p.body, at.offset-1)
	}
	p.faults = append(p.faults, fault)
	return len(p.faults) < p.limit
}

// find returns the node at a path below n. If the path ends below another node, find returns
// that node.
func (n *node) find(path string) *node {
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		inner := n.inner(step)
		if inner == nil {
			break
		}
		n = inner
	}
	return n
}

// inner returns the item or the field of a node, or nil if there is none.
func (n *node) inner(step string) *node {
	if i, err := strconv.Atoi(step); err == nil && n.kind == array && i < len(n.items) {
		return &n.items[i]
	}
	for i := range n.entries {
		if n.entries[i].name == step {
			return &n.entries[i].value
		}
	}
	return nil
}

// checkLimits adds the faults that [directive.NewSet] finds in the directives without other
// faults.
func (p *bodyParser) checkLimits(all []directive.Directive) {
	seen := make(map[string]int)
	for i := range all {
		n, valid := p.valid[i]
		if !valid {
			continue
		}
		err := all[i].Validate()
		if first, repeated := seen[all[i].ID]; repeated {
			err = invalid("id", fmt.Sprintf("is the same as that of directives[%d]", first))
		} else {
			seen[all[i].ID] = i
		}
		if err == nil {
			continue
		}
		at := n.at
		if invalid, ok := err.(*directive.ValidationError); ok {
			at = n.find(invalid.Path).at
		}
		if len(p.faults) >= p.limit || !p.add(err, at, fmt.Sprintf("directives[%d]", i)) {
			return
		}
	}
}
