package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial"
)

// TestExitCode_OfErrors has errors that wrap others, as the packages below return them.
func TestExitCode_OfErrors(t *testing.T) {
	t.Parallel()
	for want, all := range map[int][]error{
		exitDone:     {nil},
		exitFailed:   {errors.New("x"), fleetdial.ErrNoRevision, context.Canceled, fmt.Errorf("%w: %w", fleetdial.ErrUnavailable, context.Canceled)},
		exitUsage:    {usagef("x"), &usageError{&rejectedError{errors.New("x")}}},
		exitRejected: {&rejectedError{fleetdial.ErrUnavailable}, &fleetdial.FormatError{Err: fleetdial.ErrUnavailable}, fleetdial.ErrUnverified},
		exitConflict: {&fleetdial.ConflictError{}},
		exitTimedOut: {fmt.Errorf("%w: %w", fleetdial.ErrWaitIncomplete, fleetdial.ErrUnavailable)},
		exitInstanceRejected: {
			fleetdial.ErrRejected, fmt.Errorf("%w: %w", fleetdial.ErrRejected, fleetdial.ErrWaitIncomplete),
		},
		exitUnavailable: {
			fleetdial.ErrUnavailable, fleetdial.ErrOutcomeUnknown, fmt.Errorf("%w: %w", fleetdial.ErrOutcomeUnknown, context.Canceled),
		},
		9: {fmt.Errorf("x: %w", &exitError{code: 9})},
	} {
		for _, err := range all {
			assert.Equal(t, want, exitCode(err), "%v", err)
		}
	}
}
