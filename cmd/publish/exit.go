package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/review"
)

// The exit codes.
const (
	exitDone             = 0
	exitFailed           = 1
	exitUsage            = 2
	exitRejected         = 3
	exitConflict         = 4
	exitTimedOut         = 5
	exitInstanceRejected = 6
	exitUnavailable      = 7
)

// usageError is the error of a wrong command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// rejectedError is the error of a rejected set. Nothing was written.
type rejectedError struct{ err error }

func (e *rejectedError) Error() string { return e.err.Error() }
func (e *rejectedError) Unwrap() error { return e.err }

// exitError ends the command with a code. Its message is empty if stdout shows the
// reason.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

// exitCode returns the exit code for an error.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*rejectedError](err); ok {
		return exitRejected
	}
	if _, ok := errors.AsType[*review.UnknownIDError](err); ok {
		return exitRejected
	}
	if _, ok := errors.AsType[*fleetdial.ConflictError](err); ok {
		return exitConflict
	}
	if _, ok := errors.AsType[*fleetdial.FormatError](err); ok {
		return exitRejected
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	switch {
	case errors.Is(err, fleetdial.ErrUnverified):
		return exitRejected
	case errors.Is(err, fleetdial.ErrRejected):
		return exitInstanceRejected
	case errors.Is(err, fleetdial.ErrWaitIncomplete):
		return exitTimedOut
	case errors.Is(err, fleetdial.ErrOutcomeUnknown):
		return exitUnavailable
	case errors.Is(err, context.Canceled):
		return exitFailed
	case errors.Is(err, fleetdial.ErrUnavailable):
		return exitUnavailable
	}
	return exitFailed
}
