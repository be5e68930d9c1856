package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
	"github.com/fleetdial/fleetdial/internal/suggest"
)

// strictFlag is the value of a flag that rejects what scripts pass by mistake: an empty
// value, as from an unset variable, and a second value, which would replace the first
// unseen. No flag needs an empty value, because leaving out the flag has the same effect.
type strictFlag struct {
	pflag.Value
	isFlag func(name string) bool
	given  bool
}

var (
	errEmptyFlag = errors.New("must not be empty (leave out the flag for its default)")
	errRepeated  = errors.New("is given twice")
)

func (f *strictFlag) Set(s string) error {
	isSlice := strings.HasSuffix(f.Type(), "Slice")
	isList := isSlice || strings.HasSuffix(f.Type(), "Array")
	switch {
	case s == "", isSlice && slices.Contains(strings.Split(s, ","), ""):
		return errEmptyFlag
	case f.given && !isList:
		return errRepeated
	case strings.HasPrefix(s, "--") && f.isFlag(s[2:]):
		return errors.New("is followed by another flag instead of a value")
	}
	f.given = true
	return f.Value.Set(s)
}

// strictFlags replaces the value of every flag of the command and its subcommands by a
// [strictFlag].
func strictFlags(root *cobra.Command) {
	all := make(map[string]bool)
	visit := func(f *pflag.Flag) {
		all[f.Name] = true
		if _, done := f.Value.(*strictFlag); done {
			return
		}
		f.Value = &strictFlag{Value: f.Value, isFlag: func(name string) bool { return all[name] }}
		if f.DefValue == "0s" || f.DefValue == "[]" {
			f.DefValue = "" // pflag knows the zero values of its own types only
		}
	}
	forEach(root, func(cmd *cobra.Command) {
		cmd.PersistentFlags().VisitAll(visit)
		cmd.Flags().VisitAll(visit)
	})
}

// forEach calls f for the command and all its subcommands.
func forEach(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, sub := range cmd.Commands() {
		forEach(sub, f)
	}
}

// flagError returns an error of pflag in the words of this command.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if e.GetSpecifiedShortnames() != "" {
			return usagef("unknown flag -%s (see %s --help)", tui.Printable(e.GetSpecifiedName()), cmd.CommandPath())
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return usagef("unknown flag --%s%s (see %s --help)",
			tui.Printable(e.GetSpecifiedName()), didYouMean("--", e.GetSpecifiedName(), names), cmd.CommandPath())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef("--%s: needs a value", e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return invalidValue(e)
	}
	if e, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return usagef("%s: not a flag (see %s --help)", tui.Printable(e.GetSpecifiedFlag()), cmd.CommandPath())
	}
	return &usageError{err}
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// invalidValue describes a value that a flag does not accept.
func invalidValue(e *pflag.InvalidValueError) error {
	name, value, cause := e.GetFlag().Name, e.GetValue(), e.Unwrap()
	switch {
	case value == "", cause == errEmptyFlag, cause == errRepeated:
		return usagef("--%s: %w", name, cmpError(cause))
	case strings.HasPrefix(value, "--"):
		return usagef("--%s %s: %w", name, tui.Printable(value), cause)
	}
	reason := cause.Error()
	switch e.GetFlag().Value.Type() {
	case "duration":
		reason = "must be a duration, such as 10m"
		if digits.MatchString(value) {
			reason = fmt.Sprintf("give it a unit, such as %sm", value)
		}
	case "int", "int64":
		reason = "must be an integer"
		if digits.MatchString(value) {
			reason = "is too large"
		}
	case "bool":
		reason = "must be true or false"
	}
	err := fmt.Errorf("--%s %s: %s", name, tui.Printable(value), reason)
	if _, rejected := errors.AsType[*rejectedError](cause); rejected {
		return &rejectedError{err}
	}
	return &usageError{err}
}

// cmpError returns the error of an empty value, whatever the type of the flag says of it.
func cmpError(cause error) error {
	if cause == errRepeated {
		return cause
	}
	return errEmptyFlag
}

// usageArgs returns a check of arguments with its error in the words of this command. It
// rejects an empty argument, as from an unset variable.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for i, arg := range args {
			if arg == "" {
				return usagef("%s: argument %d must not be empty", cmd.Name(), i+1)
			}
		}
		if check == nil {
			check = cobra.NoArgs
		}
		err := check(cmd, args)
		if err == nil {
			return nil
		}
		if _, ok := errors.AsType[*usageError](err); ok {
			return err
		}
		for n := len(args) - 1; n >= 0; n-- {
			if check(cmd, args[:n]) == nil {
				return usagef("%s: unexpected argument %s%s (usage: %s)", cmd.Name(), tui.Quoted(args[n]),
					didYouMean("", args[n], commandNames(cmd)), cmd.UseLine())
			}
		}
		return usagef("%s: an argument is missing (usage: %s)", cmd.Name(), cmd.UseLine())
	}
}

func commandNames(cmd *cobra.Command) (names []string) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// didYouMean returns the end of an error about an unknown word. It is empty if no known
// word is similar.
func didYouMean(prefix, word string, known []string) string {
	if likely := suggest.Closest(word, known); likely != "" {
		return fmt.Sprintf(": did you mean %s?", tui.Printable(prefix+likely))
	}
	return ""
}

// hint is [didYouMean] for the middle of an error.
func hint(word string, known []string) string {
	if likely := suggest.Closest(word, known); likely != "" && likely != word {
		return fmt.Sprintf(" (did you mean %s?)", tui.Printable(likely))
	}
	return ""
}
