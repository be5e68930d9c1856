package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/internal/tokenkey"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

func (a *app) tokenCommand(getenv func(string) string) *cobra.Command {
	var add addFlags
	var w writeFlags
	var keyFile string
	cmd := &cobra.Command{
		Use:   "token --level LEVEL --ttl DURATION --token-key FILE",
		Short: "Make a token that records single requests",
		Long: `token makes the value of an X-Debug-Directive header. A proxy with the same key treats a
request with this header as if the directive were in the fleet's set. token does not
contact Redis, and the TTL counts from the time of this machine's clock.

The key is the content of FILE except a newline at the end, without blanks around it.
The key has at least 16 bytes, for example from openssl rand -hex 32. Everyone who has
a token can read it, and can use it until it expires. Nobody can change a token without
the key.`,
		Example: `  curl -H "X-Debug-Directive: $(publish token --level ShapeTiming --ttl 5m --token-key token.key)" …`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.token(add, w, keyFile, cmd.Flags().Changed)
		},
	}
	add.register(cmd)
	w.registerMaxTTL(cmd)
	cmd.Flags().StringVar(&keyFile, "token-key", getenv("FLEETDIAL_TOKEN_KEY"),
		"file with the key of the proxies; also FLEETDIAL_TOKEN_KEY")
	cmd.Flags().Lookup("token-key").DefValue = ""
	return cmd
}

func (a *app) token(add addFlags, w writeFlags, keyFile string, changed func(flag string) bool) error {
	if !changed("level") || !changed("ttl") || keyFile == "" {
		return usagef("token: --level, --ttl and --token-key are required")
	}
	if err := w.checkMaxTTL(); err != nil {
		return err
	}
	d, err := add.directive(changed, w.maxTTL)
	if err != nil {
		return &rejectedError{err}
	}
	key, err := tokenkey.Read(keyFile)
	if err != nil {
		return usagef("--token-key: %w", err)
	}
	d.ExpiresAt = time.Now().Add(add.ttl)
	token, err := fleetdial.SignToken(key, d)
	if err != nil {
		return &rejectedError{fmt.Errorf("sign token: %w", err)}
	}
	if a.json() {
		return a.writeJSON(map[string]string{"token": token, "expires_at": plain.Time(d.ExpiresAt)})
	}
	if _, err := fmt.Fprintln(a.stdout, token); err != nil {
		return err
	}
	diff := fleetdial.Diff{Added: []fleetdial.Directive{d}}
	a.messageLines(review.MatchNotes(diff))
	a.messagef("token ends at %s", plain.Time(d.ExpiresAt))
	return nil
}
