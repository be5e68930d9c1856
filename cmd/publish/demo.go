package main

import (
	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/demo"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show publishing, following and expiry in a few seconds",
		Long: `demo runs an embedded Redis and five proxies in this process. It publishes a set,
shows the decisions of the proxies, waits until a directive expires, and clears the
fleet. demo does not contact any other Redis.`,
		Example: `  publish demo`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), a.redrawn(a.stdout), operator())
		},
	}
}
