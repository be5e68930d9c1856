package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) tokenCommand(getenv func(string) string) *cobra.Command {
	var add addFlags
	var w writeFlags
	var keyFile string
	cmd := &cobra.Command{
		Use:   "token --level LEVEL --ttl DURATION --token-key FILE",
		Short: "Make a token that has single requests recorded",
		Long: "token makes the value of an X-Debug-Directive header: a proxy that has the same key treats a request that bears it\n" +
			"as if the directive were in the fleet's set. It needs no Redis, and counts the TTL on this machine's clock. The key\n" +
			"is what FILE holds, but for a newline at its end: at least 16 bytes, such as those of openssl rand -hex 32. Whoever\n" +
			"has the token may use it until it expires; it can be read, but not changed, without the key.",
		Example: `  curl -H "X-Debug-Directive: $(publish token --level ShapeTiming --ttl 5m --token-key token.key)" …`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.token(add, w, keyFile, cmd.Flags().Changed)
		},
	}
	add.register(cmd)
	w.registerMaxTTL(cmd)
	cmd.Flags().StringVar(&keyFile, "token-key", getenv("FLEETDIAL_TOKEN_KEY"),
		"the file with the key that the proxies have; also FLEETDIAL_TOKEN_KEY")
	cmd.Flags().Lookup("token-key").DefValue = ""
	return cmd
}

func (a *app) token(add addFlags, w writeFlags, keyFile string, given func(flag string) bool) error {
	if !given("level") || !given("ttl") || keyFile == "" {
		return usagef("token needs --level, --ttl and --token-key")
	}
	if err := w.checkMaxTTL(); err != nil {
		return err
	}
	d, err := add.directive(given, w.maxTTL)
	if err != nil {
		return &refusedError{err}
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return usagef("--token-key: %w", err)
	}
	key = bytes.TrimSuffix(bytes.TrimSuffix(key, []byte("\n")), []byte("\r"))
	d.ExpiresAt = time.Now().Add(add.ttl)
	token, err := fleetdial.SignToken(key, d)
	if err != nil {
		return &refusedError{fmt.Errorf("the token: %w", err)}
	}
	if a.json() {
		return a.writeJSON(map[string]string{"token": token, "expires_at": moment(d.ExpiresAt)})
	}
	if _, err := fmt.Fprintln(a.stdout, token); err != nil {
		return err
	}
	a.say("it ends at %s", moment(d.ExpiresAt))
	return nil
}
