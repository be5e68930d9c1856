package main

import (
	"errors"

	"github.com/spf13/pflag"
)

var (
	errEmpty = errors.New("must not be empty")
	errTwice = errors.New("must be given once")
)

// strictValue is the value of a flag that must not be given empty. A shell passes an empty
// value for an unset variable. Only a list may be given more than once.
type strictValue struct {
	pflag.Value
	given bool
}

func (v *strictValue) Set(text string) error {
	switch _, isList := v.Value.(pflag.SliceValue); {
	case text == "":
		return errEmpty
	case v.given && !isList:
		return errTwice
	}
	v.given = true
	return v.Value.Set(text)
}

// makeStrict makes all flags strict.
func makeStrict(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if _, isList := f.Value.(pflag.SliceValue); isList {
			f.DefValue = "" // the help shows no default for an empty list
		}
		f.Value = &strictValue{Value: f.Value}
	})
}

// flagError returns the usage error for an error of the command line. It does not quote a
// value that is empty or given twice, because the value may be a URL with a password.
func flagError(err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok && (errors.Is(err, errEmpty) || errors.Is(err, errTwice)) {
		return usagef("--%s: %w", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return &usageError{err}
}
