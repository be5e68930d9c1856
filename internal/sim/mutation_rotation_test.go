package sim

// rotationMutations are the rules by which a session is replaced, each removed once.
var rotationMutations = []mutation{
	{
		"a forged version hides that announcements are lost", "follow/request.go",
		`	f.announced.add(a.ID)
`, `	f.announced.add(a.ID)
	f.session.newest = max(f.session.newest, a.Version)
`,
	},
	{
		"a session is never too old", "follow/rotation.go",
		`return f.cfg.SubscriptionAge > 0 && f`, `return false && f`,
	},
	{
		"a session that is too old ends before its successor stands", "follow/rotation.go",
		`		f.successor = f.open(nil)
`, `		f.endSession(&f.session, nil)
`,
	},
	{
		"a successor counts once it is subscribed, without a fetch", "follow/session.go",
		`	if s == &f.session {
		f.countSubscription()
	}
`, `	if s == &f.session {
		f.countSubscription()
	} else {
		f.replaceSession()
		s = &f.session
	}
`,
	},
	{
		"a session that was replaced goes on", "follow/rotation.go",
		`			f.endSession(old, nil)
`, ``,
	},
	{
		"a session is replaced before the one before has ended", "follow/rotation.go",
		` && f.retired == 0`, ``,
	},
	{
		"messages on a successor are ignored", "follow/follower.go",
		`		if f.replied(e.Session) != nil {
			f.message`, `		if s := f.replied(e.Session); s == &f.session {
			f.message`,
	},
	{
		"a silent successor stays", "follow/rotation.go",
		`	f.checkSilence(&f.successor)
`, ``,
	},
	{
		"a lost session does not leave its place to its successor", "follow/session.go",
		`	if f.successor.isOpen {
		f.takeOver()`, `	if false {
		f.takeOver()`,
	},
	{
		"a session that took over is not counted", "follow/rotation.go",
		`	if f.session.subscribed {
		f.countSubscription()
	}
`, ``,
	},
	{
		"a failed successor is not tried again", "follow/rotation.go",
		`f.session.rotateAt = f.now.Add(max(`, `f.session.rotateAt = f.now.Add(100*max(`,
	},
	{
		"a failed successor is tried again at once", "follow/rotation.go",
		`	f.session.rotateAt = f.now.Add(max(shortestBackoff, wait+f.random(wait)))
`, `	_ = wait
`,
	},
}
