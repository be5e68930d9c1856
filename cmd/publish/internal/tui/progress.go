package tui

import (
	"fmt"
	"io"
	"strings"
)

// Progress is a progress bar. On a stream that is not a terminal, Progress writes
// nothing.
type Progress struct {
	out         io.Writer
	done, total int
	live        bool
}

// NewProgress returns a bar of that many steps.
func NewProgress(out io.Writer, total int) *Progress {
	return &Progress{out: out, total: total, live: IsTerminal(out)}
}

// Step marks one more step as done.
func (p *Progress) Step() {
	p.done++
	if !p.live {
		return
	}
	const width = 40
	filled := width * p.done / p.total
	fmt.Fprintf(p.out, "\r[%s%s] %d/%d", strings.Repeat("#", filled),
		strings.Repeat(" ", width-filled), p.done, p.total)
}

// End removes the bar from the screen.
func (p *Progress) End() {
	if p.live {
		fmt.Fprint(p.out, ClearLine)
	}
}
