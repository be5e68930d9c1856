package strictflag_test

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/cmd/internal/strictflag"
)

var errOdd = errors.New("must be even")

// even is a flag of a type of its own, which accepts even lengths.
type even struct{}

func (even) String() string { return "" }
func (even) Type() string   { return "even" }

func (even) Set(s string) error {
	if len(s)%2 == 0 {
		return nil
	}
	return errOdd
}

// parse parses the arguments of the command "tool" with the subcommand "tool sub".
func parse(args ...string) error {
	run := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "tool", Version: "v1", RunE: run, SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().String("url", "", "")
	root.PersistentFlags().StringSlice("list", nil, "")
	sub := &cobra.Command{Use: "sub", RunE: run}
	f := sub.Flags()
	f.StringArray("array", nil, "")
	f.BoolP("yes", "y", false, "")
	f.Duration("ttl", 0, "")
	f.Int("count", 0, "")
	f.Int64("bytes", 0, "")
	f.Var(even{}, "even", "")
	root.AddCommand(sub)
	words := strictflag.Words{
		Printable: func(text string) string { return strings.Trim(strconv.Quote(text), `"`) },
	}
	root.SetFlagErrorFunc(words.Error)
	strictflag.Apply(root)
	root.SetOut(io.Discard)
	root.SetArgs(args)
	return root.Execute()
}

func TestApply_Rejects(t *testing.T) {
	t.Parallel()
	const empty, twice = ": must not be empty (leave out the flag for its default)", ": is given twice"
	const followed = ": is followed by another flag instead of a value"
	for _, c := range []struct{ args, want string }{
		{"--url=", "--url" + empty},
		{"sub --url=", "--url" + empty},
		{"sub --ttl=", "--ttl" + empty},
		{"sub --array=", "--array" + empty},
		{"sub --yes=", "--yes" + empty},
		{"sub --help=", "--help" + empty},
		{"--version=", "--version" + empty},
		{"--list a,", "--list" + empty},
		{"--list ,a", "--list" + empty},
		{"--list a,,b", "--list" + empty},
		{"--list a --list=", "--list" + empty},
		{"--url redis://:canary@a sub --url redis://:canary@a", "--url" + twice},
		{"sub --yes -y", "--yes" + twice},
		{"sub --ttl 1s --ttl 2s", "--ttl" + twice},
		{"sub --even xx --even xx", "--even" + twice},
		{"sub --help --help", "--help" + twice},
		{"--url --list sub", "--url --list" + followed},
		{"--url --ttl", "--url --ttl" + followed},
		{"--url --help", "--url --help" + followed},
		{"--url --version", "--url --version" + followed},
		{"sub --ttl --count 1", "--ttl --count" + followed},
		{"sub --count --url x", "--count --url" + followed},
	} {
		require.EqualError(t, parse(strings.Fields(c.args)...), c.want, c.args)
	}
	require.EqualError(t, parse("--url", "", "sub"), "--url"+empty, "the value is an argument of its own")
}

func TestApply_Accepts(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"", "--url x sub", "--list a,b --list c", "sub --list a --url x", "sub --array a, --array b,,c", "sub -y --ttl 1s",
		"--url --", "--url --other", "--url=-x", "sub --help", "--version", "sub --count 0x10 --bytes 010 --even xx",
	} {
		require.NoError(t, parse(strings.Fields(args)...), args)
	}
}

func TestApply_HelpShowsNoZeroDefault(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "tool"}
	f := cmd.Flags()
	f.Duration("none", 0, "")
	f.StringSlice("list", nil, "")
	f.StringArray("array", nil, "")
	f.Bool("yes", false, "")
	f.Int("count", 0, "")
	f.String("text", "", "")
	f.Duration("ttl", time.Minute, "")
	strictflag.Apply(cmd)
	assert.Equal(t, 1, strings.Count(f.FlagUsages(), "default"), f.FlagUsages())
	assert.Contains(t, f.FlagUsages(), "(default 1m0s)")
}

func TestWords_Error(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"sub --ttl 10", "--ttl 10: give it a unit, such as 10s or 10m"},
		{"sub --ttl soon", "--ttl soon: must be a duration, such as 10s or 10m"},
		{"sub --ttl --soon", "--ttl --soon: must be a duration, such as 10s or 10m"},
		{"sub --count many", "--count many: must be an integer"},
		{"sub --count 08", "--count 08: must be an integer"},
		{"sub --bytes 1k", "--bytes 1k: must be an integer"},
		{"sub --bytes 99999999999999999999", "--bytes 99999999999999999999: is out of range"},
		{"sub --bytes -99999999999999999999", "--bytes -99999999999999999999: is out of range"},
		{"sub --yes=perhaps", "--yes perhaps: must be true or false"},
		{"sub --even \x1bxx", `--even \x1bxx: must be even`},
		{"--url", "--url: needs a value"},
		{"sub --ulr x", "unknown flag --ulr: did you mean --url? (see tool sub --help)"},
		{"sub --nonsense", "unknown flag --nonsense (see tool sub --help)"},
		{"--nons\x1b", `unknown flag --nons\x1b (see tool --help)`},
		{"sub -x", "unknown flag -x (see tool sub --help)"},
		{"---url=redis://:canary@a", "---url: not a flag (see tool --help)"},
	} {
		require.EqualError(t, parse(strings.Fields(c.args)...), c.want, c.args)
	}
	require.ErrorIs(t, parse("sub", "--even", "x"), errOdd)
	other := errors.New("other")
	assert.Equal(t, other, strictflag.Words{}.Error(&cobra.Command{}, other))
}
