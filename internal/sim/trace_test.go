package sim

import (
	"fmt"
	"hash/fnv"
	"time"
)

// trace keeps the last lines of what happened in a run, and a digest of all of them.
type trace struct {
	keep   int
	lines  []string
	digest uint64
	// print, if set, gets each line at once.
	print func(line string)
}

func (t *trace) add(now time.Duration, format string, args ...any) {
	line := fmt.Sprintf("%15.6f  ", now.Seconds()) + fmt.Sprintf(format, args...)
	h := fnv.New64a()
	fmt.Fprintf(h, "%x%s", t.digest, line)
	t.digest = h.Sum64()
	if t.print != nil {
		t.print(line)
	}
	if t.keep == 0 {
		return
	}
	if len(t.lines) >= 2*t.keep {
		t.lines = append(t.lines[:0], t.lines[t.keep:]...)
	}
	t.lines = append(t.lines, line)
}

// last returns the lines that were kept.
func (t *trace) last() []string { return t.lines[max(0, len(t.lines)-t.keep):] }
