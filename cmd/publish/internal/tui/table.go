package tui

import (
	"bytes"
	"io"
	"strings"
	"unicode"
)

// Table aligns cells that are separated by tabs. Flush writes the table.
type Table struct {
	// Width is the number of columns that the table may take. If the table is wider, the
	// longest cells are shortened in the middle. 0 is no limit.
	Width int
	// Long lists groups of columns that are shortened before other columns, one group after
	// the other.
	Long [][]int

	out  io.Writer
	text bytes.Buffer
}

// NewTable returns an empty table. Its width is that of the terminal, without limit on other
// streams.
func NewTable(out io.Writer) *Table { return &Table{out: out, Width: Width(out)} }

// Write adds rows, each a line. It never returns an error.
func (t *Table) Write(p []byte) (int, error) { return t.text.Write(p) }

// gap is the number of blanks between two columns.
const gap = 2

// Flush writes the rows.
func (t *Table) Flush() error {
	var rows [][]string
	var widths []int
	for line := range strings.Lines(t.text.String()) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell))
		}
		rows = append(rows, cells)
	}
	t.text.Reset()
	if t.Width > 0 {
		for _, group := range t.Long {
			narrow(widths, t.Width, group, 10)
		}
		narrow(widths, t.Width, nil, 7)
	}
	var out bytes.Buffer
	for _, cells := range rows {
		for i, cell := range cells {
			cell = shorten(cell, widths[i])
			out.WriteString(cell)
			if i+1 < len(cells) {
				out.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+gap))
			}
		}
		out.WriteByte('\n')
	}
	_, err := t.out.Write(out.Bytes())
	return err
}

// narrow reduces the widest of the given columns until the table has the width, or until
// they have the least width. No columns are all columns.
func narrow(widths []int, width int, given []int, least int) {
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	if given == nil {
		for i := range widths {
			given = append(given, i)
		}
	}
	for ; total > width; total-- {
		widest := given[0]
		for _, i := range given {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= least {
			return
		}
		widths[widest]--
	}
}

// shorten replaces the middle of a text by an ellipsis if the text is wider than the width.
func shorten(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	runes := []rune(s)
	head, tail := 0, len(runes)
	for used := 1; head < tail; {
		// The head and the tail grow in turn.
		next := head
		if head > len(runes)-tail {
			next = tail - 1
		}
		if used += columnsOf(runes[next]); used > width {
			break
		}
		if next == head {
			head++
		} else {
			tail--
		}
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

// IndexOfColumn returns the index of the byte at which a column of the terminal begins in a
// line, or -1 if no character begins there.
func IndexOfColumn(line string, column int) int {
	for i, r := range line {
		if column <= 0 {
			if column < 0 {
				return -1
			}
			return i
		}
		column -= columnsOf(r)
	}
	return -1
}

// columns returns the number of columns that a text takes on a terminal.
func columns(s string) (n int) {
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		0x3000 <= r && r <= 0x303E, 0xFF01 <= r && r <= 0xFF60, 0xFFE0 <= r && r <= 0xFFE6, 0x1F300 <= r && r <= 0x1FAFF:
		return 2
	}
	return 1
}
