// Package tui formats text for an operator's terminal and redraws it in place.
package tui

import "fmt"

// Count returns a number with its noun, such as "1 directive" or "2 directives".
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Cell returns a table cell with a text from other people: "-" for an empty text, and
// otherwise [Printable].
func Cell(s string) string {
	if s == "" {
		return "-"
	}
	return Printable(s)
}

// DashIfEmpty returns a table cell with a text of this command.
func DashIfEmpty(s string) string {
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
