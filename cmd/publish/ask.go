package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// errNotConfirmed is the error after a question that the operator did not answer with yes.
var errNotConfirmed = errors.New("not confirmed; nothing was written")

// isInteractive reports whether an operator sees messages and can answer.
func (a *app) isInteractive() bool { return tui.IsTerminal(a.stdin) && tui.IsTerminal(a.stderr) }

// ask writes a question to the terminal, and returns the answer in lower case. The answer is
// empty if ctx ends.
func (a *app) ask(ctx context.Context, question string) string {
	fmt.Fprint(a.stderr, question+" ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.ToLower(strings.TrimSpace(line))
	case <-ctx.Done():
		fmt.Fprintln(a.stderr)
		return ""
	}
}

// asksYes asks a question, and reports whether the answer is yes.
func (a *app) asksYes(ctx context.Context, question string) bool {
	answer := a.ask(ctx, question+" [y/N]")
	return answer == "y" || answer == "yes"
}
