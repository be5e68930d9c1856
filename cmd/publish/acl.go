package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

func (a *app) aclCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "acl",
		Short: "Show the Redis users that a fleet needs",
		Long: `acl writes two ACL SETUSER commands for Redis 7.0 and later. One user is for the proxies
of the fleet, which may read the set, subscribe, and write to the roster. The other
user is for publishers. The users have no password, and nobody can log in until a
password is set. acl does not contact Redis.`,
		Example: "  publish acl --fleet prod | redis-cli\n" +
			`  redis-cli ACL SETUSER fleetdial-prod-proxy "#$(printf %s "$PASSWORD" | sha256sum | cut -d' ' -f1)"`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			acl, err := fleetdial.NewACL(a.fleet)
			if err != nil {
				return &usageError{err}
			}
			if a.json() {
				return a.writeJSON(map[string][]string{"proxy": acl.Proxy, "publisher": acl.Publisher})
			}
			_, err = fmt.Fprintf(a.stdout, "ACL SETUSER fleetdial-%s-proxy %s\nACL SETUSER fleetdial-%s-publisher %s\n",
				a.fleet, strings.Join(acl.Proxy, " "), a.fleet, strings.Join(acl.Publisher, " "))
			return err
		},
	}
}
