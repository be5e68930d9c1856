package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// pollInterval is the time between two questions for the state.
const pollInterval = 20 * time.Millisecond

// expectation is what must hold within a time, and then for a time.
type expectation struct {
	Within    int64          `json:"within_ms"`
	Hold      int64          `json:"hold_ms"`
	State     *string        `json:"state"`
	Version   *int64         `json:"version"`
	ID        *string        `json:"id"`
	Decisions []expectedPair `json:"decisions"`
}

type expectedPair struct {
	Request  json.RawMessage `json:"request"`
	Decision json.RawMessage `json:"decision"`
}

// maxStale is how often a subscriber may become stale while another state must hold. It may do
// so on a machine that does not let the server answer in time. The set in force has to stay.
const maxStale = 5

// expect polls the state of the subscriber until it is the expected one, and then for as long
// as it must hold.
func (s *stage) expect(ctx context.Context, e *expectation) (m *mismatch, err error) {
	for range maxStale {
		if m, err = s.expectOnce(ctx, e); m == nil || !m.isStale {
			break
		}
	}
	return m, err
}

func (s *stage) expectOnce(ctx context.Context, e *expectation) (*mismatch, error) {
	begin := time.Now()
	for {
		// The last question is asked after within_ms, so that the subscriber has the whole time.
		asked := time.Since(begin)
		m, err := s.compareState(ctx, e)
		switch {
		case err != nil:
			return nil, err
		case m == nil:
			return s.hold(ctx, e)
		case asked >= time.Duration(e.Within)*time.Millisecond:
			m.actual += fmt.Sprintf(" after %d ms", asked.Milliseconds())
			m.isStale = false
			return m, nil
		}
		if err := wait(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// hold polls the state for as long as it must hold. An answer that arrives later does not count.
func (s *stage) hold(ctx context.Context, e *expectation) (*mismatch, error) {
	begin, limit := time.Now(), time.Duration(e.Hold)*time.Millisecond
	for time.Since(begin) < limit {
		if err := wait(ctx, pollInterval); err != nil {
			return nil, err
		}
		m, err := s.compareState(ctx, e)
		held := time.Since(begin)
		if err != nil {
			return nil, err
		}
		if m != nil && held < limit {
			m.actual += fmt.Sprintf(", %d ms after the expected state", held.Milliseconds())
			return m, nil
		}
	}
	return nil, nil
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// compareState asks for the state, and compares it with the expected one.
func (s *stage) compareState(ctx context.Context, e *expectation) (*mismatch, error) {
	request := struct {
		Op       string            `json:"op"`
		Requests []json.RawMessage `json:"requests"`
	}{"state", make([]json.RawMessage, len(e.Decisions))}
	for i, pair := range e.Decisions {
		request.Requests[i] = pair.Request
	}
	var answer struct {
		State     *string           `json:"state"`
		Version   *int64            `json:"version"`
		ID        *string           `json:"id"`
		Decisions []json.RawMessage `json:"decisions"`
	}
	if err := s.program.ask(ctx, "state", request, &answer); err != nil {
		return nil, err
	}
	var all []*mismatch
	if e.Version != nil {
		all = append(all, compareValues("version", *e.Version, given(answer.Version)))
	}
	if e.ID != nil {
		all = append(all, compareValues("id", *e.ID, given(answer.ID)))
	}
	if len(answer.Decisions) != len(e.Decisions) {
		all = append(all, differ("decisions (length)", len(e.Decisions), len(answer.Decisions)))
	} else {
		for i, pair := range e.Decisions {
			all = append(all, compareJSON(fmt.Sprintf("decisions[%d]", i), pair.Decision, answer.Decisions[i]))
		}
	}
	if e.State != nil {
		state := compareValues("state", *e.State, given(answer.State))
		if state != nil {
			state.isStale = answer.State != nil && *answer.State == "stale"
		}
		all = append(all, state)
	}
	return firstOf(all...), nil
}
