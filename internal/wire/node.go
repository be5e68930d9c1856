package wire

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// maxNodes bounds how many values a publish body may have: more than any set takes, and few enough to be read whole.
const maxNodes = 200_000

type kind string

const (
	null      kind = "null"
	boolean   kind = "a boolean"
	number    kind = "a number"
	text      kind = "a string"
	array     kind = "an array"
	object    kind = "an object"
	timestamp kind = "a date or time" // only YAML tells it from a string
	doubtful  kind = "a word that YAML versions disagree about"
)

// node is a value of a publish body, in whichever language that was written.
type node struct {
	kind    kind
	text    string  // as written, of a number, boolean or doubtful word; unescaped, of a string
	items   []node  // of an array
	entries []entry // of an object, in their order, each name once
}

type entry struct {
	name  string
	value node
}

// builder counts what a body's reader makes of it.
type builder struct{ nodes int }

// enter is called before each node; names are none.
func (b *builder) enter(depth int) error {
	if depth > maxDepth {
		return invalid("", "is nested too deep")
	}
	if b.nodes++; b.nodes > maxNodes {
		return invalid("", fmt.Sprintf("the body holds more than %d values", maxNodes))
	}
	return nil
}

// maxEntries bounds the fields of one object, which are compared with each other; the schema knows eleven.
const maxEntries = 64

// checkName is called before the value of a field is read: it refuses a name that the object has already.
func (n *node) checkName(name string) error {
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

// under returns err with a field's name, or an item's index in brackets, in front of its path.
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

// shown cuts a name that comes from outside to what a message bears.
func shown(name string) string {
	const limit = 40
	if len(name) <= limit {
		return name
	}
	return strings.ToValidUTF8(name[:limit], "") + "…"
}

var simpleName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// inPath returns a name as a path bears it: in quotes if it could be taken for something else, or is not fit to print.
func inPath(name string) string {
	if name = shown(name); simpleName.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

// place returns line and column, in bytes, from 1.
func place(body []byte, offset int) string {
	before := body[:min(offset, len(body))]
	return fmt.Sprintf("line %d, column %d", 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'))
}
