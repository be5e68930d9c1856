package wire

import (
	"bytes"
	"encoding/json"

	"github.com/fleetdial/fleetdial/internal/directive"
)

// millis is the layout of times in JSON: RFC 3339 in UTC, in whole milliseconds.
const millis = "2006-01-02T15:04:05.000Z07:00"

type jsonDirective struct {
	ID             string `json:"id"`
	Level          string `json:"level"`
	SamplePerMille int    `json:"sample_per_mille"`
	ExpiresAt      string `json:"expires_at"`
	RingBuffer     bool   `json:"ring_buffer"`
	Capture        bool   `json:"capture"`
	Tenant         string `json:"tenant,omitempty"`
	Index          string `json:"index,omitempty"`
	Principal      string `json:"principal,omitempty"`
	Endpoint       string `json:"endpoint,omitempty"`

	Instances    *jsonInstances `json:"instances,omitempty"`
	MaxPerSecond int            `json:"max_per_second,omitempty"`
}

type jsonInstances struct {
	Names    []string          `json:"names,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	PerMille *int              `json:"per_mille,omitempty"`
}

type jsonBody struct {
	Directives []jsonDirective `json:"directives"`
}

type jsonRevision struct {
	Version     int64  `json:"version"`
	ID          string `json:"id"`
	PublishedAt string `json:"published_at"`
	PublishedBy string `json:"publisher"`
	Reason      string `json:"reason"`
	SignedBy    string `json:"signed_by,omitempty"`
	jsonBody
}

func newJSONBody(set *directive.Set) jsonBody {
	all := set.Directives()
	out := jsonBody{Directives: make([]jsonDirective, len(all))}
	for i := range all {
		d := &all[i]
		endpoint := ""
		if d.Match.Endpoint != directive.AnyEndpoint {
			endpoint = d.Match.Endpoint.String()
		}
		out.Directives[i] = jsonDirective{
			ID: d.ID, Level: d.Level.String(), SamplePerMille: d.SamplePerMille,
			ExpiresAt: d.ExpiresAt.UTC().Format(millis), RingBuffer: d.RingBuffer, Capture: d.Capture,
			Tenant: d.Match.Tenant, Index: d.Match.Index, Principal: d.Match.Principal, Endpoint: endpoint,
			Instances: (*jsonInstances)(d.Instances), MaxPerSecond: d.MaxPerSecond,
		}
	}
	return out
}

// AppendBody appends the JSON publish body of the set and a newline. The body has
// absolute expiries.
func AppendBody(dst []byte, set *directive.Set) []byte { return appendJSON(dst, newJSONBody(set)) }

// AppendJSON appends the revision as JSON and a newline. Its times are in RFC 3339.
func (r Revision) AppendJSON(dst []byte) []byte {
	published := ""
	if r.Version != 0 {
		published = r.PublishedAt.UTC().Format(millis)
	}
	return appendJSON(dst, jsonRevision{
		Version: r.Version, ID: r.ID, PublishedAt: published, PublishedBy: r.PublishedBy, Reason: r.Reason,
		SignedBy: r.SignedBy, jsonBody: newJSONBody(r.Set),
	})
}

func appendJSON(dst []byte, v any) []byte {
	buf := bytes.NewBuffer(dst)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err) // cannot happen: v has only strings, integers and booleans
	}
	return buf.Bytes()
}
