package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mismatch is the first difference between what a vector expects and what the program
// answered.
type mismatch struct {
	what, expected, actual string
	// isStale says that only the state differs, and that it is stale.
	isStale bool
}

// differ returns the mismatch of two values, or nil if they are equal.
func differ[T comparable](what string, expected, actual T) *mismatch {
	if expected == actual {
		return nil
	}
	return &mismatch{what: what, expected: compact(expected), actual: compact(actual)}
}

// firstOf returns the first mismatch.
func firstOf(all ...*mismatch) *mismatch {
	for _, m := range all {
		if m != nil {
			return m
		}
	}
	return nil
}

// compareJSON returns the first difference between two JSON texts, as values: the order of keys
// does not matter. A text of no bytes is a missing key.
func compareJSON(path string, expected, actual json.RawMessage) *mismatch {
	want, err := parse(expected)
	if err != nil {
		return &mismatch{what: path, expected: err.Error(), actual: shortened(string(actual))}
	}
	got, err := parse(actual)
	if err != nil {
		return &mismatch{what: path, expected: shortened(string(expected)), actual: err.Error()}
	}
	return compareValues(path, want, got)
}

// missing stands for the value of a key that an object does not have.
type missing struct{}

func parse(text json.RawMessage) (any, error) {
	if len(text) == 0 {
		return missing{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

func compareValues(path string, want, got any) *mismatch {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			return compareObjects(path, w, g)
		}
	case []any:
		if g, ok := got.([]any); ok {
			return compareArrays(path, w, g)
		}
	case json.Number:
		if g, ok := got.(json.Number); ok && isSameNumber(w, g) {
			return nil
		}
	default:
		switch got.(type) {
		case map[string]any, []any: // cannot be compared with ==
		default:
			if want == got {
				return nil
			}
		}
	}
	return &mismatch{what: path, expected: compact(want), actual: compact(got)}
}

// isSameNumber reports whether two numbers are equal, such as 1 and 1.0.
func isSameNumber(a, b json.Number) bool {
	x, errX := a.Float64() // exact below 1e14, the limit of the protocol
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}

func compareObjects(path string, want, got map[string]any) *mismatch {
	keys := slices.Sorted(maps.Keys(want))
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, known := want[key]; !known {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		w, ok := want[key]
		if !ok {
			w = missing{}
		}
		g, ok := got[key]
		if !ok {
			g = missing{}
		}
		if m := compareValues(path+"."+key, w, g); m != nil {
			return m
		}
	}
	return nil
}

func compareArrays(path string, want, got []any) *mismatch {
	for i := range min(len(want), len(got)) {
		if m := compareValues(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); m != nil {
			return m
		}
	}
	return differ(path+" (length)", len(want), len(got))
}

// compact returns a value as JSON on one line, shortened.
func compact(v any) string {
	switch v := v.(type) {
	case missing:
		return "missing"
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return shortened(string(text))
	}
}

func shortened(text string) string {
	const limit = 200
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
