package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/tokenkey"
)

func TestConfig_WrongUsage(t *testing.T) {
	t.Parallel()
	// A canceled context ends the proxy at once if it accepts the command line.
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for args, want := range map[string]string{
		"":                                            "--upstream: must be an http or https URL",
		"--upstream ftp://x":                          "--upstream: must be an http or https URL",
		"--upstream http://x?a=b":                     "--upstream: must not have a user, query or fragment",
		"--upstream http://x/?":                       "--upstream: must not have a user, query or fragment",
		"--upstream http://u:p@x":                     "--upstream: must not have a user, query or fragment",
		"--upstream http://x/#a":                      "--upstream: must not have a user, query or fragment",
		"--upstream http://x --tenant header":         "--tenant: must be header:NAME or path",
		"--upstream http://x --label zone":            "proxy: --label zone: must be LABEL=VALUE, such as zone=eu",
		"--upstream http://x --label a=1 --label a=2": "proxy: --label: the label a is given twice",
		"--upstream http://x --ring 0":                "--ring: must be 1 to 65536",
		"--upstream http://x --tennant path":          "proxy: unknown flag --tennant: did you mean --tenant? (see proxy --help)",
		"--upstream http://x --grace 10":              "proxy: --grace 10: give it a unit, such as 10s or 10m",
		"--upstream http://x --grace -1s":             "proxy: --grace: must not be negative",
		"--upstream --fleet prod":                     "proxy: --upstream --fleet: is followed by another flag instead of a value",
		"--upstream --help":                           "proxy: --upstream --help: is followed by another flag instead of a value",
		"--upstream http://x --grace \x1b":            `proxy: --grace "\x1b": must be a duration`,
		"--upstream http://x --ring x":                "proxy: --ring x: must be an integer",
		"--upstream http://x --listen 127.0.0.1":      "proxy: --listen 127.0.0.1: must be HOST:PORT or :PORT",
		"--upstream http://x --admin-listen :99999":   "proxy: --admin-listen :99999: must be HOST:PORT or :PORT",
		"--upstream http://x --fleet a/b":             "Fleet: must be 1 to 64 letters",
		"--upstream http://x more":                    `unexpected argument "more"`,
		"--upstream http://x --admin-token /nowhere":  "--admin-token: open /nowhere",
		"--upstream http://x --redis-url http://x":    "--redis-url: ",
		"--upstream http://x --capture-file-bytes 1":  "--capture-file-bytes: must be at least 1024",
		"--upstream http://x --capture-total-bytes 1": "--capture-total-bytes: must be at least",
		"--upstream http://x --capture-file-bytes 131071 --capture-total-bytes 131071":    "--capture-body-bytes: must be at most half",
		"--upstream http://x --capture-age 0s":                                            "--capture-age: must be at least",
		"--upstream http://x --without-directives --token-key " + os.DevNull:              "must not be empty",
		"--upstream http://x --tls-cert x":                                                "--tls-cert, --tls-key: must be given together",
		"--upstream http://x --tls-key x":                                                 "--tls-cert, --tls-key: must be given together",
		"--upstream http://x --without-directives --tls-cert /nowhere --tls-key /nowhere": "--tls-cert, --tls-key: ",
	} {
		var stderr bytes.Buffer
		code := run(canceled, strings.Fields(args), io.Discard, &stderr, func(string) string { return "" })
		assert.Equal(t, 2, code, args)
		assert.Contains(t, stderr.String(), want, args)
	}
}

func TestConfig_HelpAndVersion(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"--help":    "rejects requests whose Host header is not localhost or a\nloopback address",
		"-h":        "A capture directory belongs to one proxy at a time",
		"--version": ", " + runtime.Version() + "\n",
	} {
		var stdout bytes.Buffer
		code := run(t.Context(), []string{flag}, &stdout, io.Discard, func(string) string { return "" })
		assert.Equal(t, 0, code, flag)
		assert.Contains(t, stdout.String(), want, flag)
	}
}

func TestConfig_Capabilities(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []fleetdial.Capability{fleetdial.CapabilityRingBuffer}, (&config{}).capabilities())
	c := config{capture: captureConfig{dir: "captures"}}
	assert.Equal(t, []fleetdial.Capability{fleetdial.CapabilityRingBuffer, fleetdial.CapabilityCaptures}, c.capabilities())
}

// TestConfig_FlagsEmptyOrTwice gives each flag an empty value, and gives it twice. Only
// --verify-key may be given twice. The error must name the flag, and must not quote the
// value.
func TestConfig_FlagsEmptyOrTwice(t *testing.T) {
	t.Parallel()
	var names []string
	command(io.Discard, io.Discard, os.Getenv).Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	require.Greater(t, len(names), 20)
	usage := func(args ...string) (code int, message string) {
		var stderr bytes.Buffer
		code = run(t.Context(), args, io.Discard, &stderr, func(string) string { return "" })
		return code, stderr.String()
	}
	values := map[string]string{
		"ring": "1", "grace": "1s", "capture-age": "1s", "admin-plain-http": "true", "without-directives": "true",
		"help": "true", "version": "true",
	}
	for _, name := range names {
		flag := "--" + name + "="
		code, message := usage(flag)
		assert.Equal(t, 2, code, flag)
		assert.Equal(t, "proxy: --"+name+": must not be empty (leave out the flag for its default)\n", message)
		value := cmp.Or(values[name], "1024")
		code, message = usage(flag+value, flag+value)
		assert.Equal(t, 2, code, flag)
		if name == "verify-key" || name == "label" {
			assert.NotContains(t, message, "is given twice")
			continue
		}
		assert.Equal(t, "proxy: --"+name+": is given twice\n", message)
	}
}

// writeFile writes a file, and returns its name.
func writeFile(t *testing.T, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestSecret_AdminToken(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-enough-bytes"
	for _, text := range []string{token, token + "\n", token + "\n\n", token + "\r\n\r\n", " \t" + token + " \n", "\ufeff" + token + "\n", "\ufeff\n" + token} {
		got, err := readAdminToken(writeFile(t, text))
		require.NoError(t, err, "%q", text)
		assert.Equal(t, token, got, "%q", text)
	}
	for _, text := range []string{"", "\n", "\ufeff\n", "a token with blanks", "two-tokens-in-lines\nof-enough-bytes", "caf\u00e9-caf\u00e9-caf\u00e9", "nul\x00nul\x00nul\x00nul\x00", "\xff\xfea\x00"} {
		_, err := readAdminToken(writeFile(t, text))
		assert.ErrorContains(t, err, "must", "%q", text)
	}
}

func TestSecret_TokenKey(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	for _, text := range []string{key, key + "\n", key + "\r\n", key[:8] + " \n" + key[8:], "\x00" + key + "\xff"} {
		got, err := tokenkey.Read(writeFile(t, text))
		require.NoError(t, err, "%q", text)
		assert.Equal(t, strings.TrimRight(text, "\r\n"), string(got))
	}
	for _, text := range []string{"", "\n", key + "\n\n", key + "\r\n\r\n", key + " ", " " + key, "\ufeff" + key, key + "\t\n", "\n" + key} {
		_, err := tokenkey.Read(writeFile(t, text))
		assert.ErrorContains(t, err, "must not", "%q", text)
	}
}

// TestConfig_SecretsNamed starts proxies with files that no request could match. The error
// must name the flag and the file.
func TestConfig_SecretsNamed(t *testing.T) {
	t.Parallel()
	for flag, text := range map[string]string{"--admin-token": "a token with blanks", "--token-key": "0123456789abcdef\n\n"} {
		var stderr bytes.Buffer
		file := writeFile(t, text)
		code := run(t.Context(), []string{"--upstream", "http://x", flag, file}, io.Discard, &stderr, func(string) string { return "" })
		assert.Equal(t, 2, code)
		assert.Contains(t, stderr.String(), "proxy: "+flag+": "+file+": must")
		assert.NotContains(t, stderr.String(), strings.TrimSpace(text))
	}
}
