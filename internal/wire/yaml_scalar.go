package wire

import (
	"regexp"

	"go.yaml.in/yaml/v4"
)

// These expressions match plain scalars in the widest sense of YAML 1.1 (yaml.org/type)
// and of the core schema of YAML 1.2.
var (
	yamlNull   = regexp.MustCompile(`^(~|null|Null|NULL|)$`)
	yamlNumber = regexp.MustCompile(`^[-+]?(` +
		`0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|` +
		`[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|` +
		`\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|` +
		`\.(?i:inf))$|^\.(?i:nan)$`)
	yamlTimestamp = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t]+[0-9].*)?$`)
	// yamlAmbiguous matches the booleans, base 60 numbers and special keys of YAML 1.1,
	// which YAML 1.2 reads as strings.
	yamlAmbiguous = regexp.MustCompile(`^((?i:true|false|yes|no|on|off|y|n)|[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?|=|<<)$`)
)

// scalar makes a node from a scalar without a tag.
func scalar(y *yaml.Node) node {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	n := node{kind: text, at: positionOf(y), text: y.Value}
	switch {
	case y.Style&quoted != 0:
	case yamlNull.MatchString(y.Value):
		n.kind = null
	case y.Value == "true", y.Value == "false":
		n.kind = boolean
	case yamlNumber.MatchString(y.Value):
		n.kind = number
	case yamlTimestamp.MatchString(y.Value):
		n.kind = timestamp
	case yamlAmbiguous.MatchString(y.Value), y.Tag != "!!str": // the library reads another type
		n.kind = ambiguous
	}
	return n
}
