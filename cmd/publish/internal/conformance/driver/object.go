package driver

import (
	"crypto/ed25519"

	"github.com/fleetdial/fleetdial"
)

// asked is a request for a decision.
type asked struct {
	Tenant    string `json:"tenant"`
	Index     string `json:"index"`
	Principal string `json:"principal"`
	Endpoint  string `json:"endpoint"`
	ID        string `json:"id"`
}

func (a *asked) request() fleetdial.Request {
	endpoint, err := fleetdial.ParseEndpoint(a.Endpoint)
	if err != nil {
		endpoint = fleetdial.Unknown
	}
	return fleetdial.Request{Tenant: a.Tenant, Index: a.Index, Principal: a.Principal, ID: a.ID, Endpoint: endpoint}
}

type decision struct {
	Level      string `json:"level"`
	RingBuffer bool   `json:"ring_buffer"`
	Capture    bool   `json:"capture"`
	By         string `json:"by,omitempty"`
}

func decisionOf(d fleetdial.Decision) decision {
	return decision{d.Level.String(), d.RingBuffer, d.Capture, d.By}
}

type revision struct {
	Version     int64              `json:"version"`
	ID          string             `json:"id"`
	PublishedAt *int64             `json:"published_at,omitempty"`
	Publisher   *string            `json:"publisher,omitempty"`
	Reason      *string            `json:"reason,omitempty"`
	Directives  []directiveOfValue `json:"directives"`
	SignedBy    string             `json:"signed_by,omitempty"`
}

type directiveOfValue struct {
	ID           string     `json:"id"`
	Level        string     `json:"level"`
	Sample       int        `json:"sample_per_mille"`
	ExpiresAt    int64      `json:"expires_at"`
	RingBuffer   bool       `json:"ring_buffer"`
	Capture      bool       `json:"capture"`
	Tenant       string     `json:"tenant,omitempty"`
	Index        string     `json:"index,omitempty"`
	Principal    string     `json:"principal,omitempty"`
	Endpoint     string     `json:"endpoint,omitempty"`
	Instances    *instances `json:"instances,omitempty"`
	MaxPerSecond int        `json:"max_per_second,omitempty"`
}

type instances struct {
	Names    []string          `json:"names,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	PerMille *int              `json:"per_mille,omitempty"`
}

// revisionOf returns the object of a revision. The empty value has fewer keys. It names the
// signer only if the signature was verified.
func revisionOf(rev fleetdial.Revision) revision {
	r := revision{Version: rev.Version, ID: rev.ID, Directives: make([]directiveOfValue, 0, rev.Set.Len())}
	if rev.Verified {
		r.SignedBy = rev.SignedBy
	}
	if rev.Version != 0 {
		at := rev.PublishedAt.UnixMilli()
		r.PublishedAt, r.Publisher, r.Reason = &at, &rev.PublishedBy, &rev.Reason
	}
	for _, d := range rev.Set.Directives() {
		object := directiveOfValue{
			ID: d.ID, Level: d.Level.String(), Sample: d.SamplePerMille, ExpiresAt: d.ExpiresAt.UnixMilli(),
			RingBuffer: d.RingBuffer, Capture: d.Capture, MaxPerSecond: d.MaxPerSecond,
			Tenant: d.Match.Tenant, Index: d.Match.Index, Principal: d.Match.Principal,
		}
		if d.Match.Endpoint != fleetdial.AnyEndpoint {
			object.Endpoint = d.Match.Endpoint.String()
		}
		if d.Instances != nil {
			object.Instances = &instances{d.Instances.Names, d.Instances.Labels, d.Instances.PerMille}
		}
		r.Directives = append(r.Directives, object)
	}
	return r
}

func publicKeys(all []hexBytes) (keys []ed25519.PublicKey) {
	for _, key := range all {
		keys = append(keys, ed25519.PublicKey(key))
	}
	return keys
}
