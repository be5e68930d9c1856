// Package driver answers the driver protocol of spec/README.md with fleetdial itself. Only
// tests use it.
package driver

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Variant replaces parts of the driver, so that a test can make a wrong one. The zero Variant
// is fleetdial.
type Variant struct {
	// Bucket replaces the bucket of a text.
	Bucket func(text string) int
	// Request changes a request before a set evaluates it.
	Request func(fleetdial.Request) fleetdial.Request
	// Accept may accept a value that was rejected with this error.
	Accept func(error) bool
	// Resync replaces the resync interval.
	Resync func(time.Duration) time.Duration
	// Now replaces the time of the decisions of a subscriber.
	Now func(fleetdial.Status) time.Time
}

// driver answers the requests of one run.
type driver struct {
	variant  Variant
	follower *follower // nil if there is none
}

// request is a request with the keys of all operations.
type request struct {
	Op           string     `json:"op"`
	Protocol     int        `json:"protocol"`
	Value        hexBytes   `json:"value_hex"`
	Text         hexBytes   `json:"text_hex"`
	Payload      hexBytes   `json:"payload_hex"`
	Keys         []hexBytes `json:"keys_hex"`
	RedisKey     string     `json:"redis_key"`
	Applied      *applied   `json:"applied"`
	Now          int64      `json:"now"`
	Instance     *instance  `json:"instance"`
	Requests     []asked    `json:"requests"`
	MaxPerSecond int        `json:"max_per_second"`
	Arrivals     []int64    `json:"arrivals_ms"`
	Redis        string     `json:"redis"`
	Fleet        string     `json:"fleet"`
	ResyncMS     int64      `json:"resync_ms"`
	TimeoutMS    int64      `json:"timeout_ms"`
}

type applied struct {
	Version int64  `json:"version"`
	ID      string `json:"id"`
}

type instance struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

// hexBytes is bytes as hex digits in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Run answers the requests of in, until in ends.
func Run(in io.Reader, out io.Writer, variant Variant) error {
	d := &driver{variant: variant}
	defer d.stop()
	lines, answers := bufio.NewReader(in), json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var r request
		answer := any(nil)
		if err = json.Unmarshal(line, &r); err == nil {
			answer, err = d.answer(&r)
		}
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

func (d *driver) answer(r *request) (any, error) {
	switch r.Op {
	case "hello":
		return map[string]any{"name": "fleetdial in Go", "levels": []string{"L1", "L2", "L3"}}, nil
	case "decode":
		return d.decode(r)
	case "bucket":
		if d.variant.Bucket != nil {
			return map[string]int{"bucket": d.variant.Bucket(string(r.Text))}, nil
		}
		return map[string]int{"bucket": directive.SampleBucket(string(r.Text))}, nil
	case "decide":
		return d.decide(r)
	case "limit":
		return limit(r)
	case "announcement":
		a, ok := wire.ParseAnnouncement(string(r.Payload))
		if !ok {
			return map[string]any{"announcement": nil}, nil
		}
		return map[string]any{"announcement": applied{a.Version, a.ID}}, nil
	case "follow":
		return d.follow(r)
	case "state":
		return d.state(r)
	case "stop":
		d.stop()
		return map[string]bool{"stopped": true}, nil
	}
	return nil, fmt.Errorf("unknown op %q", r.Op)
}

// decode decodes a value as a subscriber does.
func (d *driver) decode(r *request) (any, error) {
	type rejection struct {
		Accept bool              `json:"accept"`
		Reason wire.RejectReason `json:"reason"`
	}
	if len(r.Value) > wire.MaxValueBytes {
		return rejection{Reason: wire.RejectTooLarge}, nil
	}
	keys, err := wire.NewKeyring(publicKeys(r.Keys))
	if err != nil {
		return nil, err
	}
	rev, reason, err := wire.Accept(r.Value, keys, r.RedisKey)
	if err != nil {
		if d.variant.Accept != nil && d.variant.Accept(err) {
			return map[string]bool{"accept": true}, nil
		}
		return rejection{Reason: reason}, nil
	}
	if a := r.Applied; keys != nil && a != nil && rev.Version <= a.Version && rev.ID != a.ID {
		return rejection{Reason: wire.RejectReplayed}, nil
	}
	return map[string]any{"accept": true, "revision": revisionOf(rev)}, nil
}

// decide decides requests by the set of a value.
func (d *driver) decide(r *request) (any, error) {
	rev, err := fleetdial.DecodeRevision(r.Value)
	if err != nil {
		return nil, err
	}
	set := rev.Set
	if r.Instance != nil {
		set = set.ForInstance(r.Instance.Name, r.Instance.Labels)
	}
	return map[string][]decision{"decisions": d.decisions(set, r.Requests, time.UnixMilli(r.Now))}, nil
}

// decisions returns the decisions of a set.
func (d *driver) decisions(set *fleetdial.Set, requests []asked, now time.Time) []decision {
	all := make([]decision, len(requests))
	for i, asked := range requests {
		req := asked.request()
		if d.variant.Request != nil {
			req = d.variant.Request(req)
		}
		all[i] = decisionOf(set.Evaluate(req, now))
	}
	return all
}

// limit returns which requests a directive applies to.
func limit(r *request) (any, error) {
	begin := time.UnixMilli(1_790_000_000_000)
	set, err := fleetdial.NewSet([]fleetdial.Directive{{
		ID: "limited", Level: fleetdial.Shape, SamplePerMille: 1000, MaxPerSecond: r.MaxPerSecond,
		ExpiresAt: begin.AddDate(1, 0, 0),
	}})
	if err != nil {
		return nil, err
	}
	set = directive.Metered(set, nil)
	all := make([]bool, len(r.Arrivals))
	for i, arrival := range r.Arrivals {
		now := begin.Add(time.Duration(arrival) * time.Millisecond)
		all[i] = directive.EvaluateNow(set, &fleetdial.Request{}, now.Sub).Level != fleetdial.Off
	}
	return map[string][]bool{"applied": all}, nil
}

var errNotFollowing = errors.New("there is no subscriber")
