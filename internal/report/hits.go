package report

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// hitsWindow is the time over which a report counts the recent hits of directives.
//
// A window begins at a report, and ends at a report that is at least the time least after it,
// so that a report right after another one gives no noisy rate. A publish begins another
// window, because the counts of its directives may begin with it.
type hitsWindow struct {
	least time.Duration
	set   *directive.Set // of the last report
	// begin is the beginning of the window, and next that of the following one.
	begin, next hitsSample
}

// hitsSample is how many requests each directive had applied to at a time.
type hitsSample struct {
	at      time.Time
	applied map[string]int64
}

// report returns what a report tells of the hits of a set.
func (w *hitsWindow) report(set *directive.Set, now time.Time) *wire.ReportHits {
	all := set.Hits()
	current := hitsSample{now, make(map[string]int64, len(all))}
	for _, h := range all {
		current.applied[h.ID] = h.Applied
	}
	if w.next.at.IsZero() {
		w.begin, w.next = current, current
	}
	if now.Sub(w.next.at) >= w.least {
		w.begin, w.next = w.next, current
	}
	out := wire.NewReportHits(all, w.begin.applied, now.Sub(w.begin.at))
	if set != w.set {
		w.set, w.begin, w.next = set, current, current
	}
	return out
}
