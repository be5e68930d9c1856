package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// checks maps files to the functions that send their vectors to a program. A function calls
// result once for each vector, with nil if the vector passed.
var checks = map[string]func(ctx context.Context, p *program, vectors []*vector, result func(*vector, *mismatch)) error{
	"values.jsonl":        each(checkValue),
	"samples.jsonl":       each(checkSample),
	"decisions.jsonl":     checkDecisions,
	"limits.jsonl":        each(checkLimit),
	"announcements.jsonl": each(checkAnnouncement),
}

// each returns a check of all vectors, one after the other.
func each(check func(context.Context, *program, *vector) (*mismatch, error)) func(
	context.Context, *program, []*vector, func(*vector, *mismatch)) error {
	return func(ctx context.Context, p *program, vectors []*vector, result func(*vector, *mismatch)) error {
		for _, v := range vectors {
			m, err := check(ctx, p, v)
			if m, err = answered(m, err); err != nil {
				return inVector(v, err)
			}
			result(v, m)
		}
		return nil
	}
}

// answered returns a mismatch for a program that says that it cannot answer.
func answered(m *mismatch, err error) (*mismatch, error) {
	if declined, ok := errors.AsType[*noAnswer](err); ok {
		return &mismatch{what: "answer", expected: "an answer", actual: "error " + compact(declined.text)}, nil
	}
	return m, err
}

// inVector names the vector in the error of a program.
func inVector(v *vector, err error) error {
	if broken, ok := errors.AsType[*ProgramError](err); ok {
		broken.Problem += fmt.Sprintf(" (%s: %s)", v.file, v.Name)
	}
	return err
}

// given returns the value of a key of an answer, or missing if the answer has no such key.
func given[T any](v *T) any {
	if v == nil {
		return missing{}
	}
	return *v
}

func checkValue(ctx context.Context, p *program, v *vector) (*mismatch, error) {
	var value struct {
		Value    hexBytes        `json:"value_hex"`
		PadTo    int             `json:"pad_to"`
		Keys     []hexBytes      `json:"keys_hex"`
		RedisKey string          `json:"redis_key"`
		Applied  json.RawMessage `json:"applied"`
		Accept   bool            `json:"accept"`
		Revision json.RawMessage `json:"revision"`
		Reason   string          `json:"reason"`
	}
	if err := v.decode(&value); err != nil {
		return nil, err
	}
	if n := value.PadTo - len(value.Value); n > 0 {
		value.Value = append(value.Value, make([]byte, n)...)
	}
	request := struct {
		Op       string          `json:"op"`
		Value    hexBytes        `json:"value_hex"`
		Keys     []hexBytes      `json:"keys_hex,omitempty"`
		RedisKey string          `json:"redis_key,omitempty"`
		Applied  json.RawMessage `json:"applied,omitempty"`
	}{"decode", value.Value, value.Keys, value.RedisKey, value.Applied}
	var answer struct {
		Accept   *bool           `json:"accept"`
		Revision json.RawMessage `json:"revision"`
		Reason   *string         `json:"reason"`
	}
	if err := p.ask(ctx, "decode", request, &answer); err != nil {
		return nil, err
	}
	if m := compareValues("accept", value.Accept, given(answer.Accept)); m != nil {
		if answer.Reason != nil {
			m.actual += ", reason " + compact(*answer.Reason)
		}
		return m, nil
	}
	if value.Accept {
		return compareJSON("revision", value.Revision, answer.Revision), nil
	}
	return compareValues("reason", sameReason(value.Reason), sameReason(given(answer.Reason))), nil
}

// sameReason returns malformed for invalid, because a program may give either.
func sameReason(reason any) any {
	if reason == "invalid" {
		return "malformed"
	}
	return reason
}

func checkSample(ctx context.Context, p *program, v *vector) (*mismatch, error) {
	var sample struct {
		Text   hexBytes `json:"text_hex"`
		Bucket int      `json:"bucket"`
	}
	if err := v.decode(&sample); err != nil {
		return nil, err
	}
	request := struct {
		Op   string   `json:"op"`
		Text hexBytes `json:"text_hex"`
	}{"bucket", sample.Text}
	var answer struct {
		Bucket *int `json:"bucket"`
	}
	if err := p.ask(ctx, "bucket", request, &answer); err != nil {
		return nil, err
	}
	return compareValues("bucket", sample.Bucket, given(answer.Bucket)), nil
}

func checkLimit(ctx context.Context, p *program, v *vector) (*mismatch, error) {
	var limit struct {
		MaxPerSecond int             `json:"max_per_second"`
		Arrivals     []int64         `json:"arrivals_ms"`
		Applied      json.RawMessage `json:"applied"`
	}
	if err := v.decode(&limit); err != nil {
		return nil, err
	}
	request := struct {
		Op           string  `json:"op"`
		MaxPerSecond int     `json:"max_per_second"`
		Arrivals     []int64 `json:"arrivals_ms"`
	}{"limit", limit.MaxPerSecond, limit.Arrivals}
	var answer struct {
		Applied json.RawMessage `json:"applied"`
	}
	if err := p.ask(ctx, "limit", request, &answer); err != nil {
		return nil, err
	}
	return compareJSON("applied", limit.Applied, answer.Applied), nil
}

func checkAnnouncement(ctx context.Context, p *program, v *vector) (*mismatch, error) {
	var vector struct {
		Payload      hexBytes        `json:"payload_hex"`
		Announcement json.RawMessage `json:"announcement"`
	}
	if err := v.decode(&vector); err != nil {
		return nil, err
	}
	request := struct {
		Op      string   `json:"op"`
		Payload hexBytes `json:"payload_hex"`
	}{"announcement", vector.Payload}
	var answer struct {
		Announcement json.RawMessage `json:"announcement"`
	}
	if err := p.ask(ctx, "announcement", request, &answer); err != nil {
		return nil, err
	}
	return compareAnnouncements(vector.Announcement, answer.Announcement)
}

// compareAnnouncements ignores the keys of an announcement that no vector names.
func compareAnnouncements(expected, actual json.RawMessage) (*mismatch, error) {
	want, err := parse(expected)
	if err != nil {
		return nil, err
	}
	got, err := parse(actual)
	if err != nil {
		return nil, err
	}
	if keys, ok := got.(map[string]any); ok {
		delete(keys, "spread_ms")
		delete(keys, "report_ms")
	}
	return compareValues("announcement", want, got), nil
}
