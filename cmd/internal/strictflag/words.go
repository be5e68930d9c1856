package strictflag

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdial/fleetdial/internal/suggest"
)

// Words words the errors of a command line.
type Words struct {
	// Printable returns a text from the command line in the form that errors show.
	Printable func(text string) string
}

// DidYouMean returns the end of an error about an unknown word. It is empty if no known
// word is similar.
func (w Words) DidYouMean(prefix, word string, known []string) string {
	if likely := suggest.Closest(word, known); likely != "" {
		return fmt.Sprintf(": did you mean %s?", w.Printable(prefix+likely))
	}
	return ""
}

// Error returns an error of pflag in the words of this project. If the type of a flag is not
// one of pflag's, the error wraps the error of the type.
func (w Words) Error(cmd *cobra.Command, err error) error {
	help := cmd.CommandPath() + " --help"
	switch e := err.(type) {
	case *pflag.NotExistError:
		name := e.GetSpecifiedName()
		if e.GetSpecifiedShortnames() != "" {
			return fmt.Errorf("unknown flag -%s (see %s)", w.Printable(name), help)
		}
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		return fmt.Errorf("unknown flag --%s%s (see %s)", w.Printable(name), w.DidYouMean("--", name, known), help)
	case *pflag.ValueRequiredError:
		return fmt.Errorf("--%s: needs a value", e.GetFlag().Name)
	case *pflag.InvalidValueError:
		return w.invalidValue(e)
	case *pflag.InvalidSyntaxError:
		name, _, _ := strings.Cut(e.GetSpecifiedFlag(), "=")
		return fmt.Errorf("%s: not a flag (see %s)", w.Printable(name), help)
	}
	return err
}

// invalidValue describes a value that a flag does not accept. It does not show a value that
// is empty or given twice, because such a value may be a URL with a password.
func (w Words) invalidValue(e *pflag.InvalidValueError) error {
	name, value, cause := e.GetFlag().Name, e.GetValue(), e.Unwrap()
	switch cause {
	case errEmpty, errTwice:
		return fmt.Errorf("--%s: %w", name, cause)
	case errFlag:
	default:
		cause = reason(e.GetFlag().Value.Type(), value, cause)
	}
	return fmt.Errorf("--%s %s: %w", name, w.Printable(value), cause)
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// reason returns why a type does not accept a value. The types of pflag return errors for
// programmers.
func reason(kind, value string, cause error) error {
	switch kind {
	case "duration":
		if digits.MatchString(value) {
			return fmt.Errorf("give it a unit, such as %[1]ss or %[1]sm", value)
		}
		return errors.New("must be a duration, such as 10s or 10m")
	case "int", "int64":
		if errors.Is(cause, strconv.ErrRange) {
			return errors.New("is out of range")
		}
		return errors.New("must be an integer")
	case "bool":
		return errors.New("must be true or false")
	}
	return cause
}
