package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitConflict    = 4
	exitWaited      = 5
	exitRejected    = 6
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

// exitError ends with that code. Its message is written unless it is empty: what there is to say stands on stdout then.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

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
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	switch {
	case errors.Is(err, fleetdial.ErrUnverified):
		return exitRefused
	case errors.Is(err, fleetdial.ErrRejected):
		return exitRejected
	case errors.Is(err, fleetdial.ErrWaitIncomplete):
		return exitWaited
	case errors.Is(err, fleetdial.ErrOutcomeUnknown):
		return exitUnavailable
	case errors.Is(err, context.Canceled):
		return exitFailed
	case errors.Is(err, fleetdial.ErrUnavailable):
		return exitUnavailable
	}
	return exitFailed
}
