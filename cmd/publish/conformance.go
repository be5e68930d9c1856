package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/conformance"
	"github.com/fleetdial/fleetdial/internal/vectors"
)

func (a *app) conformanceCommand() *cobra.Command {
	var levels []string
	cmd := &cobra.Command{
		Use:   "conformance [--level LEVEL] -- COMMAND [ARG…]",
		Short: "Test a program against the specification of the protocol",
		Long: `conformance runs a program in any language against the specification of the protocol.
It starts COMMAND, sends the test vectors to its standard input, a line of JSON each,
and reads an answer to each from its standard output. For the scenarios it starts
redis-server processes on this machine, several at a time, and the program follows
them. spec/README.md specifies the lines, and docs/protocol.md the rules.

The levels are L1 (decode and decide), L2 (follow) and L3 (verify signatures). Each level
includes L1, and the scenarios of L3 need L2. The default is the levels that the program
claims in its answer to hello.

conformance shows how many test vectors of each rule passed and failed, and a few of
the failures. It shows all of them with -o json. The exit code is 0 only if all test
vectors of the levels passed. A program that gives a malformed answer, does not answer
within 10s, or ends fails the test at once.`,
		Example: `  publish conformance -- ./driver
  publish conformance --level L1 -o json -- java -jar driver.jar`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("conformance: COMMAND is missing (usage: publish conformance -- COMMAND [ARG…])")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.conformance(cmd.Context(), levels, args)
		},
	}
	cmd.Flags().StringSliceVar(&levels, "level", nil, "levels to test: L1, L2, L3; the default is those that the program claims")
	cmd.Flags().Lookup("level").DefValue = ""
	completeWith(cmd, "level", conformance.Levels...)
	return cmd
}

func (a *app) conformance(ctx context.Context, levels, command []string) error {
	for _, level := range levels {
		if !slices.Contains(conformance.Levels, level) {
			return usagef("--level: unknown level %q%s (L1, L2 or L3)", level, didYouMean("", level, conformance.Levels))
		}
	}
	for _, needed := range []string{command[0], "redis-server"} {
		if _, err := exec.LookPath(needed); err != nil {
			err = fmt.Errorf("conformance: run %s: %w", needed, errors.Unwrap(err))
			if needed == command[0] {
				return &usageError{err}
			}
			return err
		}
	}
	report, err := conformance.Run(ctx, conformance.Config{
		Command: command, Vectors: vectors.Files(), Levels: levels,
		Progress: func(text string) { a.messagef("%s", text) },
	})
	if err != nil {
		return fmt.Errorf("conformance: %w", err)
	}
	if a.json() {
		err = a.writeJSON(report)
	} else {
		err = report.WriteText(a.stdout)
	}
	if err == nil && !report.Passed {
		return &exitError{exitFailed, fmt.Sprintf("conformance: %d of %d test vectors failed (levels %s)",
			len(report.Failures), report.Vectors, strings.Join(report.Levels, ", "))}
	}
	return err
}
