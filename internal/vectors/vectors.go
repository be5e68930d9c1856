// Package vectors makes the test vectors of the protocol, which spec/README.md describes. It
// uses nothing of fleetdial's own encoders, decoders and evaluation, so that the vectors test
// these. All vectors are deterministic.
package vectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Files returns the files of spec/vectors by their names.
func Files() map[string][]byte {
	return map[string][]byte{
		"values.jsonl":        lines(values()),
		"samples.jsonl":       lines(samples()),
		"decisions.jsonl":     lines(decisions()),
		"limits.jsonl":        lines(limits()),
		"announcements.jsonl": lines(announcements()),
		"tokens.jsonl":        lines(tokens()),
		"reports.jsonl":       lines(reports()),
		"bodies.jsonl":        lines(bodies()),
		"scenarios.jsonl":     lines(scenarios()),
	}
}

// lines returns one JSON object per line.
func lines[T any](all []T) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for i := range all {
		if err := e.Encode(&all[i]); err != nil {
			panic(err) // the types of the vectors always encode
		}
	}
	return out.Bytes()
}

// vector is what every line has.
type vector struct {
	Name  string   `json:"name"`
	Rules []string `json:"rules"`
}

// named returns the common part of a line. The rules are separated by spaces.
func named(name, rules string) vector { return vector{name, strings.Fields(rules)} }

// hexBytes is written as hex digits.
type hexBytes []byte

// MarshalText returns the hex digits.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// UnmarshalText reads hex digits.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// directive is a directive with its keys in the order in which fleetdial writes them.
type directive struct {
	ID             string     `json:"id"`
	Level          string     `json:"level"`
	SamplePerMille int        `json:"sample_per_mille"`
	ExpiresAt      int64      `json:"expires_at"`
	RingBuffer     bool       `json:"ring_buffer"`
	Capture        bool       `json:"capture"`
	Tenant         string     `json:"tenant,omitempty"`
	Index          string     `json:"index,omitempty"`
	Principal      string     `json:"principal,omitempty"`
	Endpoint       string     `json:"endpoint,omitempty"`
	Instances      *instances `json:"instances,omitempty"`
	MaxPerSecond   int        `json:"max_per_second,omitempty"`
}

type instances struct {
	Names    []string          `json:"names,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	PerMille *int              `json:"per_mille,omitempty"`
}

type revision struct {
	Version     int64       `json:"version"`
	ID          string      `json:"id"`
	PublishedAt int64       `json:"published_at,omitempty"`
	Publisher   *string     `json:"publisher,omitempty"`
	Reason      *string     `json:"reason,omitempty"`
	Directives  []directive `json:"directives"`
	SignedBy    string      `json:"signed_by,omitempty"`
}

type request struct {
	Tenant    string `json:"tenant,omitempty"`
	Index     string `json:"index,omitempty"`
	Principal string `json:"principal,omitempty"`
	Endpoint  string `json:"endpoint,omitempty"`
	ID        string `json:"id,omitempty"`
}

type decision struct {
	Level      string `json:"level"`
	RingBuffer bool   `json:"ring_buffer"`
	Capture    bool   `json:"capture"`
	By         string `json:"by,omitempty"`
}

type instance struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// The times and ids of the vectors.
const (
	publishedAt int64 = 1_790_000_000_000
	expiresAt   int64 = 1_790_000_493_840
	maxMillis   int64 = 99_999_999_999_999
)

var revisionID = strings.Repeat("0a", 16)

// someDirective is the directive of the example in docs/protocol.md.
func someDirective() directive {
	return directive{ID: "a", Level: "Shape", SamplePerMille: 1000, ExpiresAt: expiresAt, Tenant: "acme"}
}

// someRevision is the revision of the example in docs/protocol.md, with these directives.
func someRevision(all ...directive) revision {
	publisher, reason := "ana", ""
	return revision{
		Version: 42, ID: revisionID, PublishedAt: publishedAt, Publisher: &publisher, Reason: &reason,
		Directives: append([]directive{}, all...),
	}
}

// changed returns a copy of v with a change.
func changed[T any](v T, change func(*T)) T {
	change(&v)
	return v
}
