package conformance

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fleetdial/fleetdial"
)

// stepRevision is what set and publish write: the bytes of value_hex, or a revision that is
// encoded when the step is done.
type stepRevision struct {
	Value *hexBytes `json:"value_hex"`

	Version      int64           `json:"version"`
	ID           string          `json:"id"`
	Format       byte            `json:"format"`
	Directives   []stepDirective `json:"directives"`
	Sign         *int            `json:"sign"`
	PublishedAgo int64           `json:"published_ago_ms"`
}

// stepDirective is a directive whose expiry counts from the moment of the step.
type stepDirective struct {
	ID           string         `json:"id"`
	Level        string         `json:"level"`
	Sample       *int           `json:"sample_per_mille"`
	TTL          int64          `json:"ttl_ms"`
	RingBuffer   bool           `json:"ring_buffer"`
	Capture      bool           `json:"capture"`
	Tenant       string         `json:"tenant"`
	Index        string         `json:"index"`
	Principal    string         `json:"principal"`
	Endpoint     string         `json:"endpoint"`
	Instances    *stepInstances `json:"instances"`
	MaxPerSecond int            `json:"max_per_second"`
}

type stepInstances struct {
	Names    []string          `json:"names"`
	Labels   map[string]string `json:"labels"`
	PerMille *int              `json:"per_mille"`
}

// announcement is the message that names a revision.
type announcement struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
}

// encode returns the value and its announcement.
func (r *stepRevision) encode(now time.Time, redisKey string, seeds []hexBytes) ([]byte, announcement, error) {
	if r.Value != nil {
		// A value that does not decode has no version. Its announcement is a request to fetch.
		rev, _ := fleetdial.DecodeRevision(*r.Value)
		return *r.Value, announcement{rev.Version, rev.ID}, nil
	}
	directives := make([]fleetdial.Directive, len(r.Directives))
	for i := range r.Directives {
		var err error
		if directives[i], err = r.Directives[i].at(now); err != nil {
			return nil, announcement{}, fmt.Errorf("directives[%d]: %w", i, err)
		}
	}
	set, err := fleetdial.NewSet(directives)
	if err != nil {
		return nil, announcement{}, err
	}
	value, err := fleetdial.EncodeRevision(fleetdial.Revision{
		Version: r.Version, ID: r.ID, Set: set,
		PublishedAt: now.Add(-time.Duration(r.PublishedAgo) * time.Millisecond),
	})
	if err != nil {
		return nil, announcement{}, err
	}
	if r.Format != 0 {
		value[len("\x87\xa6format")] = r.Format
	}
	if r.Sign != nil {
		if *r.Sign < 0 || *r.Sign >= len(seeds) || len(seeds[*r.Sign]) != ed25519.SeedSize {
			return nil, announcement{}, fmt.Errorf("sign: sign_keys_hex has no seed %d of %d bytes", *r.Sign, ed25519.SeedSize)
		}
		value = appendSignature(value, redisKey, ed25519.NewKeyFromSeed(seeds[*r.Sign]))
	}
	return value, announcement{r.Version, r.ID}, nil
}

// at returns the directive that expires ttl_ms after a time.
func (d *stepDirective) at(now time.Time) (fleetdial.Directive, error) {
	level, err := fleetdial.ParseLevel(d.Level)
	if err != nil {
		return fleetdial.Directive{}, err
	}
	if d.Sample == nil {
		return fleetdial.Directive{}, errors.New("sample_per_mille: is missing")
	}
	full := fleetdial.Directive{
		ID: d.ID, Level: level, SamplePerMille: *d.Sample, RingBuffer: d.RingBuffer, Capture: d.Capture,
		ExpiresAt:    now.Add(time.Duration(d.TTL) * time.Millisecond).Truncate(time.Millisecond),
		Match:        fleetdial.Match{Tenant: d.Tenant, Index: d.Index, Principal: d.Principal},
		MaxPerSecond: d.MaxPerSecond,
	}
	if d.Endpoint != "" {
		if full.Match.Endpoint, err = fleetdial.ParseEndpoint(d.Endpoint); err != nil {
			return fleetdial.Directive{}, err
		}
	}
	if in := d.Instances; in != nil {
		full.Instances = &fleetdial.Instances{Names: in.Names, Labels: in.Labels, PerMille: in.PerMille}
	}
	return full, nil
}

// appendSignature appends the signature map to a revision (rules G1 to G4).
func appendSignature(revision []byte, redisKey string, key ed25519.PrivateKey) []byte {
	signature := ed25519.Sign(key, slices.Concat([]byte(redisKey), []byte{'\n'}, revision))
	return slices.Concat(revision, []byte("\x82\xa3key\xb0"), []byte(fleetdial.KeyID(key.Public().(ed25519.PublicKey))),
		[]byte("\xa9signature\xd9\x80"), hex.AppendEncode(nil, signature))
}

// strictly decodes JSON without unknown keys, so that a step cannot be misread.
func strictly(text json.RawMessage, to any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	return d.Decode(to)
}
