// Package plain writes values for operators in one line: names and texts of other people, so
// that an eye can tell them apart, and numbers, times and commands.
package plain

import (
	"fmt"
	"strconv"
)

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

// Rate returns a rate with three digits or more.
func Rate(perSecond float64) string {
	decimals := 0
	switch {
	case perSecond == 0:
	case perSecond < 1:
		decimals = 3
	case perSecond < 10:
		decimals = 2
	case perSecond < 1000:
		decimals = 1
	}
	return strconv.FormatFloat(perSecond, 'f', decimals, 64) + "/s"
}

// Sample returns the cell of the column SAMPLE.
func Sample(perMille int) string {
	if perMille == 1000 {
		return "all"
	}
	return fmt.Sprintf("%d/1000", perMille)
}
