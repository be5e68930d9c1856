// Package tui draws tables, bars and panes on an operator's terminal, and redraws them in place.
package tui

import (
	"fmt"
	"io"
	"strings"
)

// Pane is a text that Draw replaces in place on a terminal. On any other stream, each
// Draw appends the text.
type Pane struct {
	// Live reports whether the pane is on a terminal.
	Live bool

	out io.Writer
	// drawn is the number of lines that the next Draw replaces.
	drawn int
}

// NewPane returns an empty pane at the cursor of a stream.
func NewPane(out io.Writer) *Pane { return &Pane{out: out, Live: IsTerminal(out)} }

// Draw replaces the text of the pane. The text ends with a newline.
func (p *Pane) Draw(text string) {
	fmt.Fprint(p.out, p.erase()+text)
	if p.Live {
		p.drawn = strings.Count(text, "\n")
	}
}

// Print removes the text of the pane and writes a line that stays.
func (p *Pane) Print(line string) {
	fmt.Fprintf(p.out, "%s%s\n", p.erase(), line)
}

// Keep leaves the text on the screen. The next Draw starts below it.
func (p *Pane) Keep() { p.drawn = 0 }

// erase returns the escape sequence that removes the text of the pane.
func (p *Pane) erase() string {
	lines := p.drawn
	p.drawn = 0
	if lines == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\x1b[J", lines)
}
