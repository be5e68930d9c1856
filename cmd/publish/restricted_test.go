package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/testutil"
)

// runAt runs the command at a Redis, and returns its exit code and its output.
func runAt(t *testing.T, url string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(t.Context(), append(args, "--redis-url", url, "--timeout", "30s"), strings.NewReader(""), &out, &messages,
		func(string) string { return "" })
	return code, out.String(), messages.String()
}

// requirePublishes runs the commands that publish, and those that show the revision.
func requirePublishes(t *testing.T, url string) {
	t.Helper()
	for _, line := range []string{
		"-f ../../examples/incident.json", "add --level Shape --tenant acme --ttl 10m --id a --reason why", "remove a", "clear",
		"rollback 1", "add --level Shape --tenant acme --ttl 10m --dry-run", "-f ../../examples/incident.json --if-version 5",
		"get", "history",
	} {
		code, _, stderr := runAt(t, url, strings.Fields(line)...)
		require.Zero(t, code, "%s: %s", line, stderr)
	}
	code, _, stderr := runAt(t, url, "clear", "--if-version", "1")
	assert.Equal(t, 4, code, stderr)
}

func TestPublish_CommandsDisabled(t *testing.T) {
	t.Parallel()
	var all []string
	for _, command := range []string{
		"CLIENT", "HELLO", "PUBSUB", "SCAN", "KEYS", "INFO", "CONFIG", "COMMAND", "PING", "STRLEN", "ZREVRANGE", "ZADD", "UNWATCH",
		"DISCARD", "SUBSCRIBE", "DEBUG", "GET",
	} {
		disable := []string{"--rename-command", command, ""}
		all = append(all, disable...)
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			requirePublishes(t, testutil.StartRedis(t, disable...).URL())
		})
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		requirePublishes(t, testutil.StartRedis(t, all...).URL())
	})
}

func TestPublish_CommandsDenied(t *testing.T) {
	t.Parallel()
	server := testutil.StartRedis(t)
	code, rules, stderr := runAt(t, server.URL(), "acl")
	require.Zero(t, code, stderr)
	for line := range strings.Lines(rules) {
		if fields := strings.Fields(strings.ReplaceAll(line, `"`, "")); len(fields) > 1 && fields[0] == "ACL" {
			args := make([]any, len(fields))
			for i, field := range fields {
				args[i] = field
			}
			server.Do(t, args...)
		}
	}
	server.Do(t, "ACL", "SETUSER", "fleetdial-default-publisher", ">p",
		"-client", "-hello", "-pubsub", "-scan", "-ping", "-select", "-strlen", "-zrevrange", "-unwatch", "-discard",
		"-command", "-cluster", "-subscribe")
	server.Do(t, "ACL", "SETUSER", "default", "off")
	requirePublishes(t, "redis://fleetdial-default-publisher:p@"+server.Addr())
}

func TestPublish_CompletionWithoutRights(t *testing.T) {
	t.Parallel()
	for command, args := range map[string][]string{
		"SCAN": {"get", "--fleet"}, "LINDEX": {"rollback"}, "GETRANGE": {"remove"}, "ZREVRANGE": {"status"}, "CLIENT": {"remove"},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			server := testutil.StartRedis(t, "--rename-command", command, "")
			var out, messages bytes.Buffer
			line := append(append([]string{"__complete", "--redis-url", server.URL()}, args...), "")
			code := run(t.Context(), line, strings.NewReader(""), &out, &messages, func(string) string { return "" })
			assert.Zero(t, code, messages.String())
			assert.True(t, strings.HasPrefix(out.String(), ":4\n"), "no words, and no files: %s", out.String())
		})
	}
}
