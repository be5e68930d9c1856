// Package tui formats text for an operator's terminal and redraws it in place.
package tui

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"golang.org/x/term"
)

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// NewTable returns a writer that aligns cells separated by tabs. Flush writes the table.
func NewTable(out io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
}

// Printable quotes a text that contains unprintable characters. Names, reasons and errors
// come from other people, and an unquoted newline or escape sequence could forge a row of
// a table.
func Printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// PrintableLines is [Printable] for a message of several lines: it keeps newlines.
func PrintableLines(s string) string {
	for line := range strings.SplitSeq(s, "\n") {
		if Printable(line) != line {
			return strconv.Quote(s)
		}
	}
	return s
}

// Count returns a number with its noun, such as "1 directive" or "2 directives".
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// OrDash returns the text of a table cell, "-" for an empty text.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// YesOrDash returns the text of a table cell, "yes" or "-".
func YesOrDash(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}
