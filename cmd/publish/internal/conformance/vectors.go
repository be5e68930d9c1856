package conformance

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// header is what each vector has.
type header struct {
	Name  string   `json:"name"`
	Rules []string `json:"rules"`
	Level string   `json:"level"`
}

// vector is one line of a file.
type vector struct {
	file string
	header
	line json.RawMessage
}

// decode decodes the keys of the vector's line.
func (v *vector) decode(to any) error {
	if err := json.Unmarshal(v.line, to); err != nil {
		return v.wrong(err)
	}
	return nil
}

// wrong is the error of a vector that does not follow its specification.
func (v *vector) wrong(err error) error { return fmt.Errorf("%s: vector %s: %w", v.file, v.Name, err) }

// fileLevels names the files that a driver can be tested with, in the order in which they are
// run, and their levels. A file without a level has the key level in each line.
var fileLevels = []struct{ file, level string }{
	{"values.jsonl", ""},
	{"samples.jsonl", "L1"},
	{"decisions.jsonl", "L1"},
	{"limits.jsonl", "L1"},
	{"announcements.jsonl", "L2"},
	{"scenarios.jsonl", ""},
}

// load returns the vectors of the levels, by file.
func load(files map[string][]byte, levels []string) (map[string][]*vector, error) {
	all := make(map[string][]*vector)
	for _, f := range fileLevels {
		vectors, err := loadFile(files, f.file, f.level)
		if err != nil {
			return nil, err
		}
		for _, v := range vectors {
			// A scenario of L3 needs a program that follows.
			if slices.Contains(levels, v.Level) && (f.file != "scenarios.jsonl" || slices.Contains(levels, "L2")) {
				all[f.file] = append(all[f.file], v)
			}
		}
	}
	return all, nil
}

var ruleName = regexp.MustCompile(`^[A-Z][0-9]+$`)

func loadFile(files map[string][]byte, name, level string) (vectors []*vector, err error) {
	lines := bufio.NewScanner(bytes.NewReader(files[name]))
	lines.Buffer(nil, maxAnswerBytes)
	for n := 1; lines.Scan(); n++ {
		v := &vector{file: name, header: header{Level: level}, line: slices.Clone(lines.Bytes())}
		if err := json.Unmarshal(v.line, &v.header); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, n, err)
		}
		switch {
		case v.Name == "":
			return nil, fmt.Errorf("%s: line %d: has no name", name, n)
		case slices.ContainsFunc(v.Rules, func(rule string) bool { return !ruleName.MatchString(rule) }):
			return nil, v.wrong(fmt.Errorf("%v are not numbers of rules", v.Rules))
		case len(v.Rules) == 0 && name != "decisions.jsonl": // a line may hold a set alone
			return nil, v.wrong(errors.New("names no rules"))
		case !slices.Contains(Levels, v.Level):
			return nil, v.wrong(fmt.Errorf("level %q is none of %v", v.Level, Levels))
		}
		vectors = append(vectors, v)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(vectors) == 0 {
		return nil, fmt.Errorf("%s: holds no vectors", name)
	}
	return vectors, nil
}

// hexBytes is bytes as hex digits in JSON.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}
