package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// completeFrom offers for a flag what the live Redis holds.
func completeFrom(cmd *cobra.Command, flag string, words func(context.Context) []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, argumentsFrom(words))
	if err != nil {
		panic(err) // the flag is not there
	}
}

// argumentsFrom offers what the live Redis holds, and has not been given yet.
func argumentsFrom(words func(context.Context) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
		offered := slices.DeleteFunc(words(cmd.Context()), func(word string) bool { return slices.Contains(given, word) })
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// ask asks Redis for words, and gives up at once if it does not answer.
func (a *app) ask(ctx context.Context, words func(context.Context, *fleetdial.Publisher) []string) (out []string) {
	a.timeout = time.Second
	_ = a.withPublisher(ctx, "", func(ctx context.Context, p *fleetdial.Publisher) error {
		out = words(ctx, p)
		return nil
	})
	return out
}

func (a *app) completeIDs(ctx context.Context) []string {
	return a.ask(ctx, func(ctx context.Context, p *fleetdial.Publisher) (ids []string) {
		rev, err := p.Current(ctx)
		if err != nil {
			return nil
		}
		for _, d := range rev.Set.Directives() {
			ids = append(ids, d.ID)
		}
		return ids
	})
}

func (a *app) completeVersions(ctx context.Context) []string {
	return a.ask(ctx, func(ctx context.Context, p *fleetdial.Publisher) (versions []string) {
		entries, _ := p.History(ctx)
		for _, e := range entries {
			versions = append(versions, strconv.FormatInt(e.Revision.Version, 10))
		}
		return versions
	})
}

func (a *app) completeInstances(ctx context.Context) []string {
	return a.ask(ctx, func(ctx context.Context, p *fleetdial.Publisher) []string {
		roster, _ := p.Roster(ctx)
		return instanceNames(roster.Instances)
	})
}

// completeFleets looks for the keys of fleets, in what a second gives.
func (a *app) completeFleets(ctx context.Context) (fleets []string) {
	client, err := a.connect()
	if err != nil {
		return nil
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	keys := client.Scan(ctx, 0, "fleetdial:{*}", 1000).Iterator()
	for keys.Next(ctx) {
		name := strings.TrimSuffix(strings.TrimPrefix(keys.Val(), "fleetdial:{"), "}")
		fleets = append(fleets, name)
	}
	return fleets
}
