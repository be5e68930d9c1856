package sim

// mutations are the rules of a follower, each removed once.
var mutations = []mutation{
	{
		"an unsubscribe is ignored", "follow/follower.go",
		`f.endSession(s, errUnsubscribed)`, `_ = errUnsubscribed`,
	},
	{
		"an error reply to a ping ends the session", "follow/session.go",
		`	if !s.subscribed {
		f.endSession(s, err)`, `	if true {
		f.endSession(s, err)`,
	},
	{
		"an error before the subscription is ignored", "follow/session.go",
		`	if !s.subscribed {
		f.endSession(s, err)`, `	if !s.subscribed {
		_ = err`,
	},
	{
		"a second confirmation is accepted", "follow/session.go",
		`	if s.subscribed {
		f.endSession(s, errSubscribed)
		return`, `	if s.subscribed {
		_ = errSubscribed
		return`,
	},
	{
		"an overdue fetch is not stale", "follow/follower.go",
		`return f.current != nil && f.now.Sub(f.current.began) >= f.cfg.SubscriptionTimeout`, `return false`,
	},
	{
		"no timer for an overdue fetch", "follow/follower.go",
		`	if f.current != nil && !f.isOverdue() {
		earlier(`, `	if f.current != nil && !f.isOverdue() {
		_ = (`,
	},
	{
		"a retried fetch forgets its session", "follow/request.go",
		`	r.waiters, r.failed = nil, true
`, `	r.waiters, r.failed, r.session = nil, true, 0
`,
	},
	{
		"a fetch of an old session makes the new one reliable", "follow/session.go",
		`	case number == 0:
		return
	case number == f.session.number && f.session.subscribed:`, `	case f.session.subscribed && !f.session.reliable:`,
	},
	{
		"a session is reliable without a fetch", "follow/session.go",
		`	s.subscribed = true
`, `	s.subscribed, s.reliable = true, true
`,
	},
	{
		"no fetch when the session begins", "follow/session.go",
		`	f.request(request{cause: causeSession,`, `	_ = (request{cause: causeSession,`,
	},
	{
		"a fetch without TIME replaces a good clock", "clock/clock.go",
		`	case m.Own && c.restsOnFleet():`, `	case m.Own && c.restsOnFleet() && c.Own:`,
	},
	{
		"the machine's own clock refutes a reading of the fleet's", "clock/clock.go",
		`return !c.Own || c.suspect != nil && !c.suspect.Own`, `return !c.Own`,
	},
	{
		"the machine's own clock settles a tentative one", "clock/clock.go",
		`		if c.IsTentative() {
			return Unread, 0
		}
`, ``,
	},
	{
		"no doubt when the fleet's clock cannot be read", "follow/clock.go",
		`		f.doubt()
		return //`, `		return //`,
	},
	{
		"a measurement of the clock is never too old", "follow/clock.go",
		`!f.measuredAt.IsZero() && f.now.Sub(f.measuredAt) < clockFresh`, `!f.measuredAt.IsZero()`,
	},
	{
		"the clock is not measured again after a suspension", "follow/clock.go",
		`	f.measuredAt = time.Time{}
	if f.current != nil {`, `	if f.current != nil {`,
	},
	{
		"the clock is not measured again after a failed fetch", "follow/clock.go",
		`	f.measuredAt = time.Time{}
	if f.clock.Doubt() {`, `	if f.clock.Doubt() {`,
	},
	{
		"a tentative clock is fresh", "follow/clock.go",
		`f.clock.Known && !f.clock.IsTentative() && f.clockAt.IsZero()`, `f.clock.Known`,
	},
	{
		"the fetch of a new session does not measure the clock", "follow/request.go",
		`mode == FetchHeader || r.cause.isUrgent() || !f.isClockFresh()`, `mode == FetchHeader || !f.isClockFresh()`,
	},
	{
		"a revision that was published at another time is applied without the clock", "follow/request.go",
		`if !c.measures && !f.isTimely(e.Reading) {`, `if false {`,
	},
	{
		"an announcement within the grace does not prevent a correction", "follow/session.go",
		`if f.heard != u.heard || f.session`, `if f.session`,
	},
	{
		"a correction is not counted", "follow/value.go",
		`f.unannounced = &unannounced{session: f.session.number, heard: c.heard, at: f.now.Add(announcementGrace)}`, ``,
	},
	{
		"a revision that was announced before counts as unannounced", "follow/value.go",
		`isNew := rev.Version > f.session.newest && !f.announced.has(rev.ID) && `, `isNew := `,
	},
	{
		"the identification of the last rejection survives an apply", "follow/value.go",
		`f.rejected, f.found = value{}, stateOf(rev)`, `f.found = stateOf(rev)`,
	},
	{
		"an announcement of a rejected revision counts as new", "follow/request.go",
		`if f.applied.isOf(a.ID) || f.rejected.isOf(a.ID) {
		return`, `if f.applied.isOf(a.ID) {
		return`,
	},
	{
		"the epoch is taken from the time of the reply", "clock/clock.go",
		`		Epoch:     EpochOf(m.Sent, m.Time),
`, `		Epoch:     EpochOf(m.Received, m.Time),
`,
	},
	{
		"the first reading of the clock is not measured again", "clock/clock.go",
		`*c = Clock{Known: true, Estimate: m, Provisional: true}
		return Unsettled, 0`, `*c = Clock{Known: true, Estimate: m}
		return Same, 0`,
	},
	{
		"a jump counts without confirmation", "clock/clock.go",
		`	c.suspect = &m
	return Unsettled, 0`, `	by = c.Epoch.Sub(m.Epoch)
	*c = Clock{Known: true, Estimate: m}
	return Jumped, by`,
	},
	{
		"a suspect clock is not measured again", "follow/clock.go",
		`		f.clockAt = f.now.Add(f.clockRetry.Next(f.cfg.Rand))
`, ``,
	},
	{
		"a directive that comes with a suspect reading counts on the old clock", "follow/value.go",
		`f.clock.IsTentative()))`, `f.clock.Provisional))`,
	},
	{
		"what was anchored tentatively is not settled", "follow/clock.go",
		`	f.swap(directive.Settle(set, f.clock.Epoch))
`, `	f.swap(directive.Reanchor(set, f.clock.Epoch))
`,
	},
	{
		"a clock found behind does not shorten the set", "follow/clock.go",
		`	f.swap(directive.Settle(set, f.clock.Epoch))
`, `	_ = set
`,
	},
	{
		"no doubt after a failed fetch", "follow/request.go",
		`	f.doubt()
`, ``,
	},
	{
		"the year is not checked", "clock/clock.go",
		`year < 2000`, `year < 1000`,
	},
	{
		"an equal version with another id is accepted in a signed fleet", "follow/value.go",
		`rev.Version <= f.signedVersion`, `rev.Version < f.signedVersion`,
	},
	{
		"a known id counts as a replay", "follow/value.go",
		`rev.Version <= f.signedVersion && rev.ID != f.signedID`, `rev.Version <= f.signedVersion`,
	},
	{
		"an older signed revision is accepted", "follow/value.go",
		`if rev.Verified && rev.Version <=`, `if false && rev.Version <=`,
	},
	{
		"the signature is not checked", "wire/accept.go",
		`err != nil {
			return Revision{}, signatureReason(err), err`, `err != nil && false {
			return Revision{}, signatureReason(err), err`,
	},
	{
		"the version of a snapshot is not remembered", "follow/restore.go",
		`	f.noteSigned(rev)
`, ``,
	},
	{
		"a value may be too large", "follow/value.go",
		`if len(r.Value) > f.cfg.MaxBytes {`, `if len(r.Value) > 2*f.cfg.MaxBytes {`,
	},
	{
		"a small step of the clock back extends a directive", "follow/value.go",
		`directive.AnchorAfter(rev.Set, f.set, f.clock.Epoch, f.clock.IsTentative())`, `directive.Anchor(rev.Set, f.clock.Epoch)`,
	},
	{
		"origins are not carried", "directive/anchor.go",
		`		a.carried, a.origins = carriedOrigins(s, prev)
`, ``,
	},
	{
		"a set of one instance carries the origins of other directives", "directive/anchor.go",
		`out.carried[to] = a.carried[from]`, `out.carried[to] = a.carried[0*from]`,
	},
	{
		"a set of one instance has the directives of others", "directive/instances.go",
		`if s.directives.detail(i).instances.Include(name, labels) {`, `if true {`,
	},
	{
		"the epoch of the directives of others is forgotten", "directive/instances.go",
		`anchor: s.anchor.subset(keep)`, `anchor: anchor{epoch: s.epoch, anchored: true, origin: s.origin}`,
	},
	{
		"the snapshot is not saved again when less time is left", "follow/clock.go",
		`		f.save(nil)
`, ``,
	},
	{
		"the snapshot is not saved", "follow/value.go",
		`	f.save(r.Value)
`, ``,
	},
	{
		"suspended time is ignored", "clock/clock.go",
		`	c.Epoch = c.Epoch.Add(-d)
`, ``,
	},
	{
		"a measurement during a suspension counts", "follow/clock.go",
		`		f.current.suspended += d
`, ``,
	},
	{
		"limits stay where they are in a suspension", "follow/clock.go",
		`f.swap(directive.Shift(f.set, d))`, `f.swap(directive.Reanchor(f.set, f.clock.Epoch))`,
	},
	{
		"the token bucket is ignored", "pace/bucket.go",
		`	if b.tokens >= 1 {
		return now`, `	if true {
		return now`,
	},
	{
		"a fetch that finds nothing costs nothing", "follow/request.go",
		`		f.bucket.Add(f.now, -1)
`, ``,
	},
	{
		"a message ends a spread", "follow/request.go",
		`	case r.cause.isUrgent(), isNewer`, `	case true, isNewer`,
	},
	{
		"a spread is not bounded by a second", "wire/announcement.go",
		`min(max(0, a.SpreadMillis), MaxSpread.Milliseconds())`, `min(max(0, a.SpreadMillis), 60_000)`,
	},
	{
		"the tenth resync does not read the whole value", "follow/follower.go",
		`full: f.resyncs%fullResync == 0, `, ``,
	},
	{
		"the digest is not compared", "follow/value.go",
		`(c.mode == FetchHeader || v.digest.String() == known.digest.String())`, `true`,
	},
	{
		"the length is not compared", "follow/value.go",
		`v.header == other.header && v.length == other.length`, `v.header == other.header`,
	},
	{
		"the header of a signed value is trusted", "follow/request.go",
		`if f.cfg.Keys != nil || r.full`, `if r.full`,
	},
	{
		"a missing key clears the set", "follow/value.go",
		`		f.found = wire.StateMissing
`, `		f.found = wire.StateMissing
		f.swap(emptySet)
`,
	},
	{
		"a missing key is empty", "follow/value.go",
		`		return value{kind: kindMissing}
`, `		return value{kind: kindEmpty}
`,
	},
	{
		"a failed fetch is not tried again", "follow/request.go",
		`	f.request(r)
	f.started(err)
`, `	f.started(err)
`,
	},
	{
		"a failed fetch is tried again at once", "follow/request.go",
		`	r.notBefore = f.now.Add(f.fetchRetry.Next(f.cfg.Rand))
`, `	r.notBefore = f.now
`,
	},
	{
		"messages shorten the backoff", "follow/request.go",
		`		next.notBefore, next.failed = r.notBefore, true
`, ``,
	},
	{
		"the backoff of fetches is not reset", "follow/request.go",
		`	f.fetchRetry.Reset()
`, ``,
	},
	{
		"the backoff of sessions is not reset", "follow/session.go",
		`		f.sessionRetry.Reset()
`, ``,
	},
	{
		"sessions are opened again at once", "follow/session.go",
		`f.openAt = f.now.Add(f.sessionRetry.Next(f.cfg.Rand))`, `f.openAt = f.now`,
	},
	{
		"the resync is not planned", "follow/follower.go",
		`f.resyncAt = f.now.Add(f.cfg.ResyncInterval - f`, `f.resyncAt = f.now.Add(1000*f.cfg.ResyncInterval - f`,
	},
	{
		"the watchdog is missing", "follow/session.go",
		`if s.isOpen && !s.ending && f.now.Sub(s.lastReply) >= f.cfg.SubscriptionTimeout {`, `if false {`,
	},
	{
		"replies of an old session count", "follow/session.go",
		`if s.isOpen && !s.ending && s.number == number {`, `if s.isOpen && !s.ending {`,
	},
	{
		"the hint of an announcement heard during a fetch is lost", "follow/request.go",
		`	f.request(request{cause: causeAnnounced, full: true, announced: a, notBefore: notBefore})
`, `	if f.current == nil {
		f.request(request{cause: causeAnnounced, full: true, announced: a, notBefore: notBefore})
	}
`,
	},
	{
		"an announced revision is not searched", "follow/request.go",
		`if a.ID == "" || f.holds(a) || c.tries == maxTries {`, `if true {`,
	},
	{
		"the search ends at a rejected value", "follow/request.go",
		`return f.rejected.isOf(a.ID) || f.status.Rejected.Version >= a.Version`, `return true`,
	},
	{
		"a search never ends", "follow/request.go",
		`c.tries == maxTries {`, `false {`,
	},
	{
		"waiters are forgotten when requests merge", "follow/request.go",
		`	next.waiters = append(next.waiters, r.waiters...)
`, ``,
	},
	{
		"waiters are not told of a failure", "follow/request.go",
		`	f.answer(c, err)
	f.doubt()
`, `	f.doubt()
`,
	},
	{
		"a second fetch begins", "follow/request.go",
		`	if f.current != nil {
		return
	}
	if r := f.next; r`, `	if r := f.next; r`,
	},
	{
		"log lines are not limited", "follow/log.go",
		`		l.suppressed++
		return nil, false
`, `		l.suppressed++
`,
	},
	{
		"a regression is not counted", "follow/value.go",
		`		f.status.Counters.Regressions++
`, ``,
	},
	{
		"an empty value leaves the snapshot file as it is", "follow/value.go",
		`r.Value = []byte{} // an empty`, `// an empty`,
	},
}
