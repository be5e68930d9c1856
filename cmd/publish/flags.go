package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial/cmd/internal/strictflag"
	"github.com/fleetdial/fleetdial/internal/plain"
)

// wording words the errors of this command line.
var wording = strictflag.Words{Printable: plain.Printable}

// strictFlags and didYouMean are shared by the commands of this project.
var (
	strictFlags = strictflag.Apply
	didYouMean  = wording.DidYouMean
)

// forEach calls f for the command and all its subcommands.
func forEach(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, sub := range cmd.Commands() {
		forEach(sub, f)
	}
}

// flagError returns an error of pflag as wrong usage, or as a rejected set if the flag's
// type rejected the value.
func flagError(cmd *cobra.Command, err error) error {
	err = wording.Error(cmd, err)
	if _, rejected := errors.AsType[*rejectedError](err); rejected {
		return err
	}
	return &usageError{err}
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
				return usagef("%s: unexpected argument %s%s (usage: %s)", cmd.Name(), plain.Quoted(args[n]),
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
