package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// decision is a line of decisions.jsonl: a set and its value, or a decision of a set.
type decision struct {
	of       *vector
	Set      string          `json:"set"`
	Value    *hexBytes       `json:"value_hex"`
	Now      int64           `json:"now"`
	Request  json.RawMessage `json:"request"`
	Instance json.RawMessage `json:"instance"`
	Decision json.RawMessage `json:"decision"`
}

// isAskedWith reports whether one request can ask for both decisions.
func (d *decision) isAskedWith(other *decision) bool {
	return d.Set == other.Set && d.Now == other.Now && bytes.Equal(d.Instance, other.Instance)
}

// checkDecisions asks for many decisions at once, because a set may be large.
func checkDecisions(ctx context.Context, p *program, vectors []*vector, result func(*vector, *mismatch)) error {
	const most = 100
	values := make(map[string]hexBytes)
	var batch []*decision
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := decide(ctx, p, values[batch[0].Set], batch, result)
		batch = batch[:0]
		return err
	}
	for _, v := range vectors {
		d := &decision{of: v}
		if err := v.decode(d); err != nil {
			return err
		}
		if d.Value != nil {
			values[d.Set] = *d.Value
			continue
		}
		if _, known := values[d.Set]; !known {
			return v.wrong(fmt.Errorf("no earlier line has the set %q", d.Set))
		}
		if len(batch) == most || len(batch) > 0 && !d.isAskedWith(batch[0]) {
			if err := send(); err != nil {
				return err
			}
		}
		batch = append(batch, d)
	}
	return send()
}

// decide asks for the decisions of a batch.
func decide(ctx context.Context, p *program, value hexBytes, batch []*decision, result func(*vector, *mismatch)) error {
	request := struct {
		Op       string            `json:"op"`
		Value    hexBytes          `json:"value_hex"`
		Now      int64             `json:"now"`
		Instance json.RawMessage   `json:"instance,omitempty"`
		Requests []json.RawMessage `json:"requests"`
	}{Op: "decide", Value: value, Now: batch[0].Now, Instance: batch[0].Instance}
	for _, d := range batch {
		request.Requests = append(request.Requests, d.Request)
	}
	var answer struct {
		Decisions []json.RawMessage `json:"decisions"`
	}
	none, err := answered(nil, p.ask(ctx, "decide", request, &answer))
	if err != nil {
		return inVector(batch[0].of, err)
	}
	if none == nil {
		none = differ("decisions (length)", len(batch), len(answer.Decisions))
	}
	for i, d := range batch {
		m := none
		if m == nil {
			m = compareJSON("decision", d.Decision, answer.Decisions[i])
		}
		result(d.of, m)
	}
	return nil
}
