package main

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdial/fleetdial/internal/suggest"
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
	case text == "", isList && slices.Contains(strings.Split(text, ","), ""):
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

// flagError returns the usage error for an error of the command line, in the words of this
// command. It does not quote a value that is empty or given twice, because the value may be a
// URL with a password.
func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		likely := suggest.Closest(unknown.GetSpecifiedName(), names)
		if likely != "" {
			likely = ": did you mean --" + likely + "?"
		}
		return usagef("unknown flag: --%s%s (see proxy --help)", unknown.GetSpecifiedName(), likely)
	}
	if without, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef("--%s: needs a value", without.GetFlag().Name)
	}
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return &usageError{err}
	}
	name, value := invalid.GetFlag().Name, invalid.GetValue()
	if errors.Is(err, errEmpty) || errors.Is(err, errTwice) {
		return usagef("--%s: %w", name, invalid.Unwrap())
	}
	switch invalid.GetFlag().Value.Type() {
	case "duration":
		if digits.MatchString(value) {
			return usagef("--%s %s: give it a unit, such as %ss", name, value, value)
		}
		return usagef("--%s %s: must be a duration, such as 10s", name, value)
	case "int", "int64":
		return usagef("--%s %s: must be an integer", name, value)
	case "bool":
		return usagef("--%s %s: must be true or false", name, value)
	}
	return usagef("--%s: %w", name, invalid.Unwrap())
}

var digits = regexp.MustCompile(`^[0-9]+$`)
