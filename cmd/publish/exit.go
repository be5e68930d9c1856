package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial"
)

// The exit codes. 5 and 6 are of commands that wait for instances.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitConflict    = 4
	exitUnavailable = 7
)

// usageError says that the command line is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// refusedError says that what was asked for was refused, and that nothing was written.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*refusedError](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[*fleetdial.ConflictError](err); ok {
		return exitConflict
	}
	switch {
	case errors.Is(err, fleetdial.ErrOutcomeUnknown):
		return exitUnavailable
	case errors.Is(err, context.Canceled):
		return exitFailed
	case errors.Is(err, fleetdial.ErrUnavailable):
		return exitUnavailable
	}
	return exitFailed
}
