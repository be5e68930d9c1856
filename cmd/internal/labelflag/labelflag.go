// Package labelflag reads the labels of instances from flags.
package labelflag

import (
	"fmt"
	"strings"
)

// Parse returns the labels that a repeatable flag was given as LABEL=VALUE. The map is nil if
// there are none. Printable returns a text in the form that errors show.
func Parse(flag string, given []string, printable func(string) string) (map[string]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	labels := make(map[string]string, len(given))
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("--%s %s: must be LABEL=VALUE, such as zone=eu", flag, printable(text))
		}
		if _, twice := labels[name]; twice {
			return nil, fmt.Errorf("--%s: the label %s is given twice", flag, printable(name))
		}
		labels[name] = value
	}
	return labels, nil
}
