package tui

// ClearLine is the escape sequence that removes the line of the cursor.
const ClearLine = "\r\x1b[K"

// Palette holds the escape sequences that colour additions, changes and removals. The
// zero Palette colours nothing.
type Palette struct{ Add, Change, Remove, End string }

// Colours returns the palette of a terminal with colours.
func Colours() Palette {
	return Palette{Add: "\x1b[32m", Change: "\x1b[33m", Remove: "\x1b[31m", End: "\x1b[0m"}
}
