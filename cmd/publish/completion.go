package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/plain"
	"github.com/fleetdial/fleetdial/internal/review"
)

// completeFrom completes a flag with words from Redis.
func completeFrom(cmd *cobra.Command, flag string, words func(context.Context) []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, argumentsFrom(words))
	if err != nil {
		panic(err) // the flag is not registered
	}
}

// argumentsFrom completes arguments with words from Redis, except those that are on the
// command line already and those that a shell would interpret.
func argumentsFrom(words func(context.Context) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
		offered := slices.DeleteFunc(words(cmd.Context()), func(word string) bool {
			isPlain := plain.IsShellWord(word) || plainLabel.MatchString(word)
			return !isPlain || slices.Contains(given, word)
		})
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// fetchWords fetches words from Redis. It returns none if Redis does not reply within a
// second.
func (a *app) fetchWords(ctx context.Context, words func(context.Context, *fleetdial.Publisher) []string) (out []string) {
	a.timeout = time.Second
	_ = a.withPublisher(ctx, func(ctx context.Context, p *fleetdial.Publisher) error {
		out = words(ctx, p)
		return nil
	})
	return out
}

func (a *app) completeIDs(ctx context.Context) []string {
	return a.fetchWords(ctx, func(ctx context.Context, p *fleetdial.Publisher) (ids []string) {
		rev, err := p.Current(ctx)
		if err != nil {
			return nil
		}
		return review.IDs(rev.Set)
	})
}

func (a *app) completeVersions(ctx context.Context) []string {
	return a.fetchWords(ctx, func(ctx context.Context, p *fleetdial.Publisher) (versions []string) {
		entries, _ := p.History(ctx)
		for _, e := range entries {
			versions = append(versions, strconv.FormatInt(e.Revision.Version, 10))
		}
		return versions
	})
}

func (a *app) completeInstances(ctx context.Context) []string {
	return a.fetchWords(ctx, func(ctx context.Context, p *fleetdial.Publisher) []string {
		roster, _ := p.Roster(ctx)
		return instanceNames(roster.Instances)
	})
}

// completeFleets returns the names of the fleets. It returns none if Redis does not tell them
// within a second.
func (a *app) completeFleets(ctx context.Context) []string {
	a.timeout = time.Second
	fleets, _ := a.knownFleets(ctx)
	return fleets
}
