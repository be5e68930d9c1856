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

// The exit codes of diff, as those of diff(1).
const (
	exitDifferent = 1
	exitTrouble   = 2
)

func (a *app) diffCommand() *cobra.Command {
	var file string
	var w writeFlags
	cmd := &cobra.Command{
		Use:   "diff -f FILE | VERSION [VERSION]",
		Short: "Show what differs: a file, or an older version, and what is published",
		Long: "diff shows the directives that are added (+), changed (~) and removed (-) from what is published to the file,\n" +
			"from a version to what is published, or from one version to another. A TTL in the file counts from now, so\n" +
			"that its expiries differ. It ends with 0 if nothing differs, 1 if something does, and more if it fails.",
		Example: `  publish diff -f incident.json` + "\n" + `  publish diff 41 42`,
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := w.checkFileMaxTTL(cmd)
			if err == nil {
				err = a.diff(cmd.Context(), file, cmd.Flags().Changed("file"), args, w.maxTTL)
			}
			if code := exitCode(err); code == exitDifferent {
				if _, different := errors.AsType[*exitError](err); !different {
					return &exitError{exitTrouble, err.Error()}
				}
			}
			return err
		},
		ValidArgsFunction: argumentsFrom(a.completeVersions),
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the file, JSON or YAML; - is stdin")
	w.registerMaxTTL(cmd)
	return cmd
}

func (a *app) diff(ctx context.Context, file string, hasFile bool, args []string, maxTTL time.Duration) error {
	if hasFile == (len(args) > 0) {
		return usagef("diff takes -f FILE, or one or two versions")
	}
	versions := make([]int64, 2) // 0 is what is published
	for i, arg := range args {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || n < 1 {
			return usagef("a version is a whole number from 1, not %q", arg)
		}
		versions[i] = n
	}
	var b *body
	if hasFile { // before --timeout, which is about Redis
		var err error
		if b, err = a.readBody(ctx, file); err != nil {
			return err
		}
	}
	return a.withPublisher(ctx, "", func(ctx context.Context, p *fleetdial.Publisher) error {
		from, err := a.revision(ctx, p, versions[0])
		if errors.Is(err, fleetdial.ErrNoRevision) && hasFile {
			from, err = fleetdial.Revision{Set: new(fleetdial.Set)}, nil
		}
		if err != nil {
			return a.noRevision(err)
		}
		to, err := a.other(ctx, p, b, maxTTL, versions[1])
		if err != nil {
			return a.noRevision(err)
		}
		return a.writeDiff(fleetdial.DiffSets(from.Set, to))
	})
}

// other returns the set that diff leads to: a file's, or without one a version's.
func (a *app) other(
	ctx context.Context, p *fleetdial.Publisher, b *body, maxTTL time.Duration, version int64,
) (*fleetdial.Set, error) {
	if b == nil {
		rev, err := a.revision(ctx, p, version)
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
		for _, line := range changeLines(diff, paletteFor(a.stdout)) {
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
