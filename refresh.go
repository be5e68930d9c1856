package fleetdial

import (
	"context"
	"errors"
	"fmt"
)

// Refresh fetches the key, and returns when the result of the fetch is applied. The fetch
// begins after the call of Refresh. The error is nil also if the key does not exist: see
// [Status]. The error wraps [ErrUnavailable] if Redis did not answer, and has the reason
// if the value was rejected. After Close, the error is [ErrClosed].
func (s *Subscriber) Refresh(ctx context.Context) error {
	done := make(chan error, 1)
	var err error
	select {
	case s.refreshes <- refresh{done}:
		select {
		case err = <-done:
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.ctx.Done():
			return ErrClosed
		}
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.ctx.Done():
		return ErrClosed
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("fleetdial: refresh: %w", err)
	}
	return nil
}

// refresh is a call of Refresh that waits for the loop. done has room for one result.
type refresh struct{ done chan<- error }
