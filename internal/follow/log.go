package follow

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/pace"
)

// outcome is the line about a revision that was applied or rejected. It is logged once the
// state is known.
type outcome struct {
	limit *lines
	line  Line
}

// lines bounds the log. Lines of one kind beyond the bucket are counted, and the next line
// tells how many there were.
type lines struct {
	bucket     pace.Bucket
	suppressed int
}

// take returns the line's attributes, and false if the line is to be suppressed.
func (l *lines) take(now time.Time, attrs []any) ([]any, bool) {
	if l.bucket.ReadyAt(now).After(now) {
		l.suppressed++
		return nil, false
	}
	l.bucket.Add(now, -1)
	if l.suppressed > 0 {
		attrs = append(attrs, "suppressed", l.suppressed)
		l.suppressed = 0
	}
	return attrs, true
}

// log adds a line to the log, and returns false if there are too many.
func (f *Follower) log(limit *lines, warn bool, message string, attrs ...any) bool {
	attrs, ok := limit.take(f.now, attrs)
	if ok {
		f.out.Log = append(f.out.Log, Line{warn, message, attrs})
	}
	return ok
}
