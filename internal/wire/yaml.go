package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// yamlReader makes nodes from a subset of YAML: JSON with comments, block style and plain
// strings. It rejects a plain word whose meaning depends on the version of YAML.
type yamlReader struct{ builder }

func readYAML(body []byte) (node, position, error) {
	if err := checkYAMLText(body); err != nil {
		return node{}, position{}, err
	}
	doc, err := parseYAML(body)
	if err != nil {
		return node{}, position{}, err
	}
	var r yamlReader
	n, err := r.read(doc.Content[0], 1)
	return n, r.fault, err
}

// parseYAML returns the document in a body that holds exactly one.
func parseYAML(body []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(body))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errEmptyBody
		}
		return nil, notYAML(err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, notYAML(err)
		}
		return nil, invalid("", "holds more than one YAML document")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errEmptyBody
	}
	return &doc, nil
}

// notYAML turns an error of the library into a validation error that quotes no value of
// the body. The library quotes the name of an unknown anchor, for example.
func notYAML(err error) error {
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return invalid("", "not valid YAML")
	}
	reason := "not valid YAML"
	switch e.Stage {
	case yaml.ReaderStage, yaml.ScannerStage, yaml.ParserStage:
		reason += ": " + e.Message
	case yaml.ComposerStage:
		if strings.HasPrefix(e.Message, "unknown anchor") {
			reason = "YAML aliases are not allowed"
		}
	}
	if e.Mark.Line > 0 {
		reason += fmt.Sprintf(", at line %d, column %d", e.Mark.Line, e.Mark.Column)
	}
	return invalid("", reason)
}

func (r *yamlReader) read(y *yaml.Node, depth int) (node, error) {
	if err := r.enter(depth, positionOf(y)); err != nil {
		return node{}, err
	}
	if err := rejectYAML(y); err != nil {
		r.fault = position{} // the reason names the place
		return node{}, err
	}
	switch y.Kind {
	case yaml.SequenceNode:
		n := node{kind: array, at: positionOf(y)}
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
	n := node{kind: object, at: positionOf(y)}
	for i := 0; i+1 < len(y.Content); i += 2 {
		name, isAmbiguous, err := yamlName(y.Content[i])
		if err != nil {
			r.fault = position{} // the reason names the place
			return node{}, err
		}
		at := positionOf(y.Content[i])
		if err := r.checkName(&n, name, at); err != nil {
			return node{}, err
		}
		value, err := r.read(y.Content[i+1], depth+1)
		if err != nil {
			return node{}, under(inPath(name), err)
		}
		n.entries = append(n.entries, entry{name, at, isAmbiguous, value})
	}
	return n, nil
}

func positionOf(y *yaml.Node) position { return position{line: y.Line, column: y.Column} }

// yamlName returns the field name that a YAML key holds, and whether the key is an ambiguous word.
func yamlName(y *yaml.Node) (name string, isAmbiguous bool, err error) {
	if err := rejectYAML(y); err != nil {
		return "", false, err
	}
	if y.Kind != yaml.ScalarNode {
		return "", false, atNode("has a field name that is not a string", y)
	}
	key := scalar(y)
	switch {
	case key.kind == ambiguous && y.Value == "<<":
		return "", false, atNode("YAML merge keys are not allowed", y)
	case key.kind != text && key.kind != ambiguous:
		return "", false, atNode("has a field name that is not a string", y)
	}
	return y.Value, key.kind == ambiguous, nil
}

// rejectYAML rejects the features of YAML that JSON does not have, except plain strings.
// With anchors and aliases, a field could get its value from another place of the body.
func rejectYAML(y *yaml.Node) error {
	switch {
	case y.Kind == yaml.AliasNode:
		return atNode("YAML aliases are not allowed", y)
	case y.Anchor != "":
		return atNode("YAML anchors are not allowed", y)
	case y.Style&yaml.TaggedStyle != 0, y.Tag == "!": // the library sets no style for a single "!"
		return atNode("YAML tags are not allowed", y)
	case y.Kind != yaml.ScalarNode && y.Kind != yaml.SequenceNode && y.Kind != yaml.MappingNode:
		return atNode("is not a plain YAML value", y)
	}
	return nil
}

func atNode(reason string, y *yaml.Node) error {
	return invalid("", fmt.Sprintf("%s, at line %d, column %d", reason, y.Line, y.Column))
}
