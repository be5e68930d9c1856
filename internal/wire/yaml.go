package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// yamlReader makes nodes of the part of YAML that JSON has too, and of comments and plain strings. A plain word means
// what it looks like, or is refused: it never depends on a version of YAML.
type yamlReader struct{ builder }

func readYAML(body []byte) (node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(body))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return node{}, errEmptyBody
		}
		return node{}, notYAML(err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return node{}, notYAML(err)
		}
		return node{}, invalid("", "holds more than one YAML document")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return node{}, errEmptyBody
	}
	var r yamlReader
	return r.read(doc.Content[0], 1)
}

func notYAML(err error) error {
	return invalid("", "not valid YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
}

func (r *yamlReader) read(y *yaml.Node, depth int) (node, error) {
	if err := r.enter(depth); err != nil {
		return node{}, err
	}
	if reason := refuseYAML(y); reason != "" {
		return node{}, invalid("", fmt.Sprintf("%s, at line %d", reason, y.Line))
	}
	switch y.Kind {
	case yaml.SequenceNode:
		n := node{kind: array}
		for i, content := range y.Content {
			value, err := r.read(content, depth+1)
			if err != nil {
				return node{}, under(item(i), err)
			}
			n.items = append(n.items, value)
		}
		return n, nil
	case yaml.MappingNode:
		return r.readMapping(y, depth)
	}
	return scalar(y), nil
}

func (r *yamlReader) readMapping(y *yaml.Node, depth int) (node, error) {
	n := node{kind: object}
	for i := 0; i+1 < len(y.Content); i += 2 {
		if err := n.checkRoom(); err != nil {
			return node{}, err
		}
		key, err := r.read(y.Content[i], depth+1)
		if err != nil {
			return node{}, err
		}
		if key.kind == array || key.kind == object {
			return node{}, invalid("", fmt.Sprintf("has a field whose name is no string, at line %d", y.Content[i].Line))
		}
		name := y.Content[i].Value
		value, err := r.read(y.Content[i+1], depth+1)
		if err != nil {
			return node{}, under(shown(name), err)
		}
		if err := n.addEntry(name, value); err != nil {
			return node{}, err
		}
	}
	return n, nil
}

// refuseYAML names what JSON has not, and what would let a field come from somewhere else.
func refuseYAML(y *yaml.Node) string {
	switch {
	case y.Kind == yaml.AliasNode:
		return "YAML aliases are not allowed"
	case y.Anchor != "":
		return "YAML anchors are not allowed"
	case y.Style&yaml.TaggedStyle != 0:
		return "YAML tags are not allowed"
	case y.Kind != yaml.ScalarNode && y.Kind != yaml.SequenceNode && y.Kind != yaml.MappingNode:
		return "is not a plain YAML value"
	}
	return ""
}

var (
	yamlNull     = regexp.MustCompile(`^(~|null|Null|NULL|)$`)
	yamlNumber   = regexp.MustCompile(`^[-+]?(\.?[0-9]|\.(inf|Inf|INF)$)|^\.(nan|NaN|NAN)$`)
	yamlDoubtful = regexp.MustCompile(`^(?i:true|false|yes|no|on|off|y|n)$`)
)

func scalar(y *yaml.Node) node {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	n := node{kind: text, text: y.Value}
	switch {
	case y.Style&quoted != 0:
	case yamlNull.MatchString(y.Value):
		n.kind = null
	case y.Value == "true", y.Value == "false":
		n.kind = boolean
	case yamlNumber.MatchString(y.Value):
		n.kind = number
	case yamlDoubtful.MatchString(y.Value):
		n.kind = doubtful
	}
	return n
}
