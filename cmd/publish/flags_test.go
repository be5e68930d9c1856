package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func noEnv(string) string { return "" }

// runArgs runs the command without a terminal.
func runArgs(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &messages, noEnv)
	return code, out.String(), messages.String()
}

// eachFlag calls f for every flag of every command, with the words that call the command.
func eachFlag(t *testing.T, f func(t *testing.T, words []string, flag *pflag.Flag)) {
	t.Helper()
	a := &app{stdin: strings.NewReader(""), stdout: &dataWriter{Writer: io.Discard}, stderr: io.Discard}
	flags := 0
	forEach(a.command(noEnv), func(cmd *cobra.Command) {
		visit := func(flag *pflag.Flag) {
			flags++
			f(t, strings.Fields(cmd.CommandPath())[1:], flag)
		}
		cmd.LocalFlags().VisitAll(visit)
		cmd.InheritedFlags().VisitAll(visit)
	})
	require.Greater(t, flags, 200, "the commands and flags were not found")
}

func TestFlags_EmptyIsWrongUsage(t *testing.T) {
	t.Parallel()
	eachFlag(t, func(t *testing.T, words []string, flag *pflag.Flag) {
		code, stdout, stderr := runArgs(t, append(words, "--"+flag.Name+"=")...)
		assert.Equal(t, exitUsage, code, "%v --%s=", words, flag.Name)
		assert.Empty(t, stdout)
		assert.Equal(t, "publish: --"+flag.Name+": must not be empty (leave out the flag for its default)\n", stderr, "%v", words)
	})
}

func TestFlags_RepeatedIsWrongUsage(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"string": "x", "bool": "true", "duration": "10m", "int": "5", "int64": "5", "version": "5", "percent": "50%",
		"sample": "5", "stringSlice": "x", "stringArray": "x",
	}
	eachFlag(t, func(t *testing.T, words []string, flag *pflag.Flag) {
		value := values[flag.Value.Type()]
		require.NotEmpty(t, value, "no value for the type %s of --%s", flag.Value.Type(), flag.Name)
		arg := "--" + flag.Name + "=" + value
		code, stdout, stderr := runArgs(t, append(words, arg, arg, "--nonsense")...)
		assert.Equal(t, exitUsage, code, "%v %s %s", words, arg, arg)
		assert.Empty(t, stdout)
		if strings.HasPrefix(flag.Value.Type(), "string") && flag.Value.Type() != "string" {
			assert.Contains(t, stderr, "unknown flag --nonsense", "%v %s", words, arg)
		} else {
			assert.Equal(t, "publish: --"+flag.Name+": is given twice\n", stderr, "%v %s", words, arg)
		}
	})
}

func TestFlags_ErrorsNameTheProblem(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"add --ttl 10":                       "--ttl 10: give it a unit, such as 10s or 10m",
		"add --sample ten":                   "--sample ten: must be a number per mille (100), a percentage (10%) or a fraction (0.1)",
		"add --sample 0.0001":                "--sample 0.0001: must be a whole number per mille, such as 1, 0.1% or 0.001",
		"add --sample -1":                    "--sample -1: must be a number per mille (100), a percentage (10%) or a fraction (0.1)",
		"get --version 99999999999999999999": "--version 99999999999999999999: is out of range",
		"add --tenat acme":                   "unknown flag --tenat: did you mean --tenant? (see publish add --help)",
		"add --tenant --level Shape":         "--tenant --level: is followed by another flag instead of a value",
		"add --ten\u0430t acme":              `unknown flag --"ten\u0430t": did you mean --tenant? (see publish add --help)`,
		"forget":                             "forget: an argument is missing (usage: publish forget FLEET [flags])",
		"rollback 1 2":                       `rollback: unexpected argument "2" (usage: publish rollback [VERSION] [flags])`,
		"diff 1 2 3":                         `diff: unexpected argument "3"`,
		"get more":                           `get: unexpected argument "more"`,
		"statsu":                             `unknown command "statsu": did you mean status? (see publish --help)`,
		"help statsu":                        `unknown command "statsu": did you mean status? (see publish --help)`,
		"completion bsah":                    `completion: unexpected argument "bsah": did you mean bash?`,
		"completion bash more":               `bash: unexpected argument "more"`,
		"get -o jsn":                         `--output: unknown format "jsn": did you mean json? (table, wide or json)`,
		"get --color nevr":                   `--color: unknown value "nevr": did you mean never? (auto, always or never)`,
	} {
		code, _, stderr := runArgs(t, strings.Fields(args)...)
		assert.Equal(t, exitUsage, code, "publish %s", args)
		assert.True(t, strings.HasPrefix(stderr, "publish: "+want), "publish %s: %s", args, stderr)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), "publish %s: %s", args, stderr)
	}
	code, _, stderr := runArgs(t, "add", "--sample", "1001")
	assert.Equal(t, exitRejected, code, "the type of the flag rejects the value")
	assert.Equal(t, "publish: --sample 1001: must be 0 to 1000 per mille\n", stderr)
	code, _, stderr = runArgs(t, "remove", "a", "")
	assert.Equal(t, exitUsage, code)
	assert.Equal(t, "publish: remove: argument 2 must not be empty\n", stderr)
}

func TestFlags_Sample(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"0": 0, "1": 1, "100": 100, "1000": 1000, "10%": 100, "0.1%": 1, "100%": 1000, "0.1": 100, ".5": 500, "0.001": 1,
		"1.0": 1000, "0.3": 300, "0.0": 0, "12.5%": 125, "29%": 290, "0.057": 57,
	} {
		got := -1
		require.NoError(t, perMille{&got}.Set(text), text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "1001", "101%", "1.1", "0.05%", "1e2", "NaN", "inf", "0x10", "+1", "10 %", "%", "."} {
		assert.Error(t, perMille{new(int)}.Set(text), text)
	}
}

// TestFlags_Completion checks that a shell can complete a command line with flags, which
// cobra parses twice.
func TestFlags_Completion(t *testing.T) {
	t.Parallel()
	code, stdout, _ := runArgs(t, "__complete", "add", "--fleet", "x", "--level", "")
	assert.Equal(t, exitDone, code)
	assert.Contains(t, stdout, "ShapeTiming\n")
}

func TestRun_AloneShowsHelp(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runArgs(t)
	assert.Equal(t, exitDone, code)
	assert.Contains(t, stdout, "Available Commands:")
	assert.Empty(t, stderr)
	for _, args := range [][]string{{"version"}, {"--version"}} {
		code, stdout, _ = runArgs(t, args...)
		assert.Equal(t, exitDone, code)
		assert.Regexp(t, `^publish .*, go1`, stdout)
	}
	assert.Equal(t, exitUsage, run(context.Background(), []string{"--fleet", "x"}, strings.NewReader(""), io.Discard, io.Discard, noEnv))
}
