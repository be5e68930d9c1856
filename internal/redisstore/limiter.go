package redisstore

import "time"

// maxVainLooks is how many looks in a second messages can bring about that find nothing new: what anyone can make a
// subscriber do who may publish to the channel, and nothing else.
const maxVainLooks = 10

// limiter bounds the looks that find nothing new. Those that do cost their writer a write each, and are not held up. It
// belongs to one goroutine.
type limiter struct {
	// vain are the times of the last such looks, a ring with the oldest at next.
	vain [maxVainLooks]time.Time
	next int
	// credit is how many looks in vain the revisions that were found within the last second pay for, paid when the last
	// of them was.
	credit int
	paid   time.Time
}

// wait returns how long the next look has to wait so that no second sees more than the limit.
func (l *limiter) wait(now time.Time) time.Duration {
	oldest := l.vain[l.next]
	if oldest.IsZero() {
		return 0
	}
	return max(0, time.Second-now.Sub(oldest))
}

// worthwhile takes note of a look that found something new. It pays for one in vain: the look may have found what is only
// announced afterwards, as in a burst of publishes, and what comes next is not to wait for that.
func (l *limiter) worthwhile(now time.Time) {
	if now.Sub(l.paid) >= time.Second {
		l.credit = 0
	}
	l.credit, l.paid = min(l.credit+1, maxVainLooks), now
}

// inVain takes note of a look that found nothing new.
func (l *limiter) inVain(now time.Time) {
	if l.credit > 0 && now.Sub(l.paid) < time.Second {
		l.credit--
		return
	}
	l.vain[l.next] = now
	l.next = (l.next + 1) % maxVainLooks
}

// suspicious reports whether there was such a look within the last second: announcements are then not believed without
// a look at the first bytes.
func (l *limiter) suspicious(now time.Time) bool {
	last := l.vain[(l.next+maxVainLooks-1)%maxVainLooks]
	return !last.IsZero() && now.Sub(last) < time.Second
}
