package wire

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// maxNodes bounds the number of values in a publish body, so that the whole body can be read
// before it is checked. A valid set has more values only if it lists instances of thousands of
// directives.
const maxNodes = 200_000

type kind string

const (
	null      kind = "null"
	boolean   kind = "a boolean"
	number    kind = "a number"
	text      kind = "a string"
	array     kind = "an array"
	object    kind = "an object"
	timestamp kind = "a date or time" // in YAML only; JSON writes times as strings
	ambiguous kind = "a word that YAML versions interpret differently"
)

// node is a value of a publish body. JSON and YAML bodies have the same nodes.
type node struct {
	kind    kind
	at      position
	text    string  // a string unescaped; a number, boolean or ambiguous word as written
	items   []node  // the items of an array
	entries []entry // the fields of an object in their order, without repeated names
}

type entry struct {
	name string
	at   position // of the name
	// ambiguous says that the name is a word that YAML versions interpret differently.
	ambiguous bool
	value     node
}

// position is the place of a node in a body: an offset in JSON, a line and a column in YAML.
type position struct{ offset, line, column int } // all count from 1

// builder counts the nodes that a reader makes.
type builder struct {
	nodes int
	// fault is the position of an error whose reason does not name the place.
	fault position
}

// enter is called before each node. It checks the depth and the number of nodes. Field
// names are not nodes.
func (b *builder) enter(depth int, at position) error {
	b.fault = at
	if depth > maxDepth {
		return invalid("", "is nested too deeply")
	}
	if b.nodes++; b.nodes > maxNodes {
		return invalid("", fmt.Sprintf("the body holds more than %d values", maxNodes))
	}
	return nil
}

// maxEntries bounds the fields of one object, because checkName compares each name with
// all earlier ones. A directive has at most twelve fields.
const maxEntries = 64

// checkName is called before the value of a field is read. It rejects a repeated name.
func (b *builder) checkName(n *node, name string, at position) error {
	b.fault = at
	if len(n.entries) == maxEntries {
		return invalid("", fmt.Sprintf("has more than %d fields", maxEntries))
	}
	for i := range n.entries {
		if n.entries[i].name == name {
			return invalid(inPath(name), "is repeated")
		}
	}
	return nil
}

// under returns err with place before its path. place is a field's name, or an item's
// index in brackets.
func under(place string, err error) error {
	e, ok := err.(*directive.ValidationError)
	if !ok {
		return err
	}
	path := place
	switch {
	case strings.HasPrefix(e.Path, "["):
		path += e.Path
	case e.Path != "":
		path += "." + e.Path
	}
	return invalid(path, e.Reason)
}

func item(i int) string { return fmt.Sprintf("[%d]", i) }

// shown truncates a name that comes from outside, so that it fits into a message.
func shown(name string) string {
	const limit = 40
	if len(name) <= limit {
		return name
	}
	return strings.ToValidUTF8(name[:limit], "") + "…"
}

var simpleName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// inPath returns a name for use in a path. It quotes a name that has special characters,
// such as a dot, a bracket or a control character.
func inPath(name string) string {
	if name = shown(name); simpleName.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

// place returns the line and the column of an offset. Both count from 1, the column in
// bytes.
func place(body []byte, offset int) string {
	line, column := lineColumn(body, offset)
	return fmt.Sprintf("line %d, column %d", line, column)
}

func lineColumn(body []byte, offset int) (line, column int) {
	before := body[:min(offset, len(body))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}
