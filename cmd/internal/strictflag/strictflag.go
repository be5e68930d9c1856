// Package strictflag rejects the flags that scripts pass by mistake, and words the errors of
// a command line.
package strictflag

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	errEmpty = errors.New("must not be empty (leave out the flag for its default)")
	errTwice = errors.New("is given twice")
	errFlag  = errors.New("is followed by another flag instead of a value")
)

// strictValue is the value of a flag that rejects what scripts pass by mistake: an empty
// value, as from an unset variable, and another flag, as after a missing value. No flag
// needs an empty value, because leaving out the flag has the same effect. strictValue also
// rejects a second value, because it would replace the first unseen. A list accepts several
// values, but no empty element.
type strictValue struct {
	pflag.Value
	flags map[string]bool // the names of all flags
	given bool
}

func (v *strictValue) Set(s string) error {
	isSlice := strings.HasSuffix(v.Type(), "Slice")
	isList := isSlice || strings.HasSuffix(v.Type(), "Array")
	switch {
	case s == "", isSlice && slices.Contains(strings.Split(s, ","), ""):
		return errEmpty
	case v.given && !isList:
		return errTwice
	case strings.HasPrefix(s, "--") && v.flags[s[2:]]:
		return errFlag
	}
	v.given = true
	return v.Value.Set(s)
}

// Apply makes every flag of a command and of its subcommands strict, with --help and
// --version. The command can then parse only one command line, because a flag of a second
// one would be given twice.
func Apply(root *cobra.Command) { apply(root, make(map[string]bool)) }

func apply(cmd *cobra.Command, flags map[string]bool) {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		flags[f.Name] = true
		f.Value = &strictValue{Value: f.Value, flags: flags}
		if f.DefValue == "0s" || f.DefValue == "[]" {
			f.DefValue = "" // pflag knows the zero values of its own types only
		}
	})
	for _, sub := range cmd.Commands() {
		apply(sub, flags)
	}
}
