package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial/internal/plain"
)

// target is the flags with which a proposed command reaches the same fleet as this command:
// those that differ from the environment. Without them, the proposed command could write to
// another fleet or server.
type target struct {
	// reads is for a command that reads, and writes for a command that writes.
	reads, writes string
	// redis is the part of them that tells the Redis.
	redis string
}

// targetOf returns the target of a command line. The URL has no user and no password.
func (a *app) targetOf(cmd *cobra.Command, getenv func(string) string) (t target) {
	given := cmd.Flags().Changed
	if a.fleet != defaultFleet || getenv("FLEETDIAL_FLEET") != "" && given("fleet") {
		t.reads += " --fleet " + plain.ShellWord(a.fleet)
	}
	t.redis = a.redisFlags(cmd)
	t.reads += t.redis
	t.writes = t.reads
	if given("sign-key") {
		t.writes += " --sign-key " + plain.ShellWord(cmd.Flags().Lookup("sign-key").Value.String())
	}
	if given("verify-key") {
		t.writes += " --verify-key " + plain.ShellWord(strings.Join(a.verifyFiles, ","))
	}
	return t
}

// redisFlags returns the flags of a command line that tell the Redis.
func (a *app) redisFlags(cmd *cobra.Command) (flags string) {
	if cmd.Flags().Changed("redis-url") {
		flags += " --redis-url " + plain.ShellWord(a.connection.Server())
	}
	for _, name := range []string{"tls-ca", "tls-cert", "tls-key"} {
		if cmd.Flags().Changed(name) {
			flags += fmt.Sprintf(" --%s %s", name, plain.ShellWord(cmd.Flags().Lookup(name).Value.String()))
		}
	}
	return flags
}
