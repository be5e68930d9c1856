package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/fleetdial/fleetdial/internal/plain"
)

// dataWriter is the stream of the data. It remembers the first failed write, so that no
// command has to check each write, and ends the command, because nobody gets its data.
type dataWriter struct {
	io.Writer
	err error
	end func()
}

func (w *dataWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.err == nil {
		w.err = err
		w.end()
	}
	return n, err
}

// Unwrap returns the stream.
func (w *dataWriter) Unwrap() any { return w.Writer }

// failure returns the error of the first failed write.
func (w *dataWriter) failure() error {
	if w.err == nil {
		return nil
	}
	return fmt.Errorf("write stdout: %w", unwrapped(w.err))
}

// unwrapped returns the cause of the error of a file.
func unwrapped(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// orFailure returns err, with the error of the first failed write if there is one.
func (w *dataWriter) orFailure(err error) error {
	failure := w.failure()
	switch {
	case failure == nil, err != nil && strings.HasPrefix(err.Error(), failure.Error()): // err may hold the failure
		return err
	case err == nil, err.Error() == "", errors.Is(err, unwrapped(w.err)), errors.Is(err, context.Canceled):
		return failure
	}
	return fmt.Errorf("%w; %w", failure, err)
}

// reportError writes the error of a command to stderr: as a line of text or, with -o json,
// as a JSON object.
func (a *app) reportError(args []string, err error) {
	if err == nil || err.Error() == "" {
		return
	}
	if !a.json() && !asksForJSON(args) {
		fmt.Fprintln(a.stderr, "publish: "+plain.PrintableLines(a.serverText(err)))
		return
	}
	text, _ := json.Marshal(struct {
		Error    string `json:"error"`
		ExitCode int    `json:"exit_code"`
		Fleet    string `json:"fleet"`
		Server   string `json:"server,omitempty"`
	}{err.Error(), exitCode(err), a.fleet, a.connection.Server()})
	_, _ = a.stderr.Write(append(plain.EscapeJSON(text), '\n'))
}

// asksForJSON reports whether arguments that could not be parsed ask for JSON.
func asksForJSON(args []string) bool {
	for i, arg := range args {
		switch arg {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			return slices.Contains(args[i+1:min(i+2, len(args))], "json")
		case "--":
			return false
		}
	}
	return false
}

// isCompletion reports whether a shell asks for completions.
func isCompletion(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0], "__complete")
}
