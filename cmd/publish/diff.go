package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
)

// The exit codes of diff are the codes of diff(1).
const (
	exitDifferent  = 1
	exitDiffFailed = 2
)

func (a *app) diffCommand() *cobra.Command {
	var file string
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "diff -f FILE | VERSION [VERSION]",
		Short: "Compare versions, or a file with the current version",
		Long: `diff shows the directives that are added (+), changed (~) and removed (-) from the
current version to the file, from a version to the current version, or from one
version to another. A TTL in the file counts from now, so the expiry differs. The exit
code is 0 for no differences, 1 for differences, and 2 or more on errors.`,
		Example: `  publish diff -f incident.json` + "\n" + `  publish diff 41 42`,
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := w.checkFileMaxTTL(cmd)
			if err == nil {
				err = a.diff(cmd.Context(), file, cmd.Flags().Changed("file"), args, w.maxTTL)
			}
			_, different := errors.AsType[*exitError](err)
			err = a.stdout.orFailure(err)
			if exitCode(err) == exitFailed && (!different || a.stdout.err != nil) {
				return &exitError{exitDiffFailed, err.Error()}
			}
			return err
		},
		ValidArgsFunction: argumentsFrom(a.completeVersions),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file to compare with the current version, JSON or YAML; - for stdin")
	w.registerMaxTTL(cmd)
	return cmd
}

func (a *app) diff(ctx context.Context, file string, hasFile bool, args []string, maxTTL time.Duration) error {
	if hasFile == (len(args) > 0) {
		return usagef("diff: requires either -f FILE or one or two versions")
	}
	versions := make([]int64, 2) // 0 is the current version
	for i, arg := range args {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || n < 1 {
			return usagef("version %q: must be a positive integer", arg)
		}
		versions[i] = n
	}
	var b *body
	if hasFile { // before withPublisher, because --timeout is for Redis only
		var err error
		if b, err = a.readBody(ctx, file); err != nil {
			return err
		}
	}
	return a.withPublisher(ctx, func(ctx context.Context, p *fleetdial.Publisher) error {
		from, err := a.revision(ctx, p, versions[0])
		if errors.Is(err, fleetdial.ErrNoRevision) && hasFile {
			from, err = fleetdial.Revision{Set: new(fleetdial.Set)}, nil
			a.noteUnknownFleet(ctx, p)
		}
		if err != nil {
			return a.noRevisionError(err)
		}
		to, err := a.diffTarget(ctx, p, b, maxTTL, versions[1])
		if err != nil {
			return a.noRevisionError(err)
		}
		if from.Version > 0 {
			if err := a.notVerified(from); err != nil {
				return err
			}
		}
		return a.writeDiff(fleetdial.DiffSets(from.Set, to))
	})
}

// diffTarget returns the new set of a diff: the set of the file or, without a file, of
// the version.
func (a *app) diffTarget(
	ctx context.Context, p *fleetdial.Publisher, b *body, maxTTL time.Duration, version int64,
) (*fleetdial.Set, error) {
	if b == nil {
		rev, err := a.revision(ctx, p, version)
		if err == nil {
			err = a.notVerified(rev)
		}
		return rev.Set, err
	}
	now, err := p.Now(ctx)
	if err != nil {
		return nil, err
	}
	return b.parse(now, maxTTL)
}

func (a *app) writeDiff(diff fleetdial.Diff) error {
	if a.json() {
		if err := a.writeDiffJSON(diff); err != nil {
			return err
		}
	} else {
		for _, line := range changeLines(diff, a.palette(a.stdout)) {
			fmt.Fprintln(a.stdout, line)
		}
	}
	if diff.Len() > 0 {
		return &exitError{exitDifferent, ""}
	}
	return nil
}

func (a *app) writeDiffJSON(diff fleetdial.Diff) error {
	type changed struct {
		ID     string            `json:"id"`
		Fields []fleetdial.Field `json:"fields"`
		Before json.RawMessage   `json:"before"`
		After  json.RawMessage   `json:"after"`
	}
	out := struct {
		Added   []json.RawMessage `json:"added"`
		Changed []changed         `json:"changed"`
		Removed []json.RawMessage `json:"removed"`
	}{Changed: []changed{}}
	var err error
	if out.Added, err = directivesJSON(diff.Added); err != nil {
		return err
	}
	if out.Removed, err = directivesJSON(diff.Removed); err != nil {
		return err
	}
	var before, after []fleetdial.Directive
	for _, c := range diff.Changed {
		before, after = append(before, c.Before), append(after, c.After)
	}
	befores, err := directivesJSON(before)
	if err != nil {
		return err
	}
	afters, err := directivesJSON(after)
	if err != nil {
		return err
	}
	for i, c := range diff.Changed {
		out.Changed = append(out.Changed, changed{c.After.ID, c.Fields(), befores[i], afters[i]})
	}
	return a.writeJSON(out)
}
