package main

import (
	"fmt"
	"strings"
)

// progress is a bar on the operator's terminal, and nothing elsewhere.
type progress struct {
	app         *app
	done, total int
	live        bool
}

func newProgress(a *app, total int) *progress {
	return &progress{app: a, total: total, live: !a.quiet && isTerminal(a.stderr)}
}

func (p *progress) step() {
	p.done++
	if !p.live {
		return
	}
	const width = 40
	filled := width * p.done / p.total
	fmt.Fprintf(p.app.stderr, "\r[%s%s] %d/%d", strings.Repeat("#", filled), strings.Repeat(" ", width-filled), p.done, p.total)
}

// end takes the bar away.
func (p *progress) end() {
	if p.live {
		fmt.Fprint(p.app.stderr, "\r\x1b[K")
	}
}
