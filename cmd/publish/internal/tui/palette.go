package tui

import "strings"

// ClearLine is the escape sequence that removes the line of the cursor.
const ClearLine = "\r\x1b[K"

// Palette holds the escape sequences that colour additions, changes and removals, and that
// dim a text. The zero Palette colours nothing.
type Palette struct{ Add, Change, Remove, Dim, End string }

// Colours returns the palette of a terminal with colours.
func Colours() Palette {
	return Palette{Add: "\x1b[32m", Change: "\x1b[33m", Remove: "\x1b[31m", Dim: "\x1b[2m", End: "\x1b[0m"}
}

// Plain returns the text without the escape sequences of the palette.
func (p Palette) Plain(text string) string {
	for _, sequence := range []string{p.Add, p.Change, p.Remove, p.Dim, p.End} {
		if sequence != "" {
			text = strings.ReplaceAll(text, sequence, "")
		}
	}
	return text
}
