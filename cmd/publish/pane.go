package main

import (
	"fmt"
	"io"
	"strings"
)

// pane is text that is drawn anew in place on a terminal, and plainly one after another elsewhere.
type pane struct {
	out  io.Writer
	live bool
	// drawn is how many lines stand there to be written over.
	drawn int
}

func newPane(out io.Writer) pane { return pane{out: out, live: isTerminal(out)} }

// draw puts the text in the place of what was drawn before.
func (p *pane) draw(text string) {
	fmt.Fprint(p.out, p.erase()+text)
	if p.live {
		p.drawn = strings.Count(text, "\n")
	}
}

// keep leaves what is drawn where it is for good.
func (p *pane) keep() { p.drawn = 0 }

// erase returns what takes away what is drawn.
func (p *pane) erase() string {
	lines := p.drawn
	p.drawn = 0
	if lines == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\x1b[J", lines)
}
