package console

import (
	"sync"

	"github.com/fleetdial/fleetdial/console/internal/live"
	"github.com/fleetdial/fleetdial/internal/overview"
)

// past keeps what the histories of fleets tell, because to compare all revisions of a large set
// takes long, and each open page asks for it again and again. The zero past is empty. It is safe
// for concurrent use.
type past struct {
	mu     sync.Mutex
	fleets map[string]pastOf
}

// pastOf is what the history of a fleet tells. Nobody may change it.
type pastOf struct {
	state   *live.State // that it was computed from
	changes []overview.Change
	origins map[string]overview.Origin
}

// maxPasts limits the fleets of which the past is kept.
const maxPasts = 32

// of returns what the history of a state tells.
func (p *past) of(state *live.State) pastOf {
	p.mu.Lock()
	known, ok := p.fleets[state.Fleet]
	p.mu.Unlock()
	if ok && isSamePast(known.state, state) {
		return known
	}
	known = pastOf{state, overview.Changes(state.History), nil}
	if state.RevisionErr == nil {
		known.origins = overview.Origins(state.Revision, state.History)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fleets == nil || len(p.fleets) >= maxPasts {
		p.fleets = make(map[string]pastOf)
	}
	p.fleets[state.Fleet] = known
	return known
}

// isSamePast reports whether two states have the same history and the same current revision. States
// of the same fleet share their history until it is read again.
func isSamePast(a, b *live.State) bool {
	return len(a.History) == len(b.History) && (len(a.History) == 0 || &a.History[0] == &b.History[0]) &&
		a.Revision.ID == b.Revision.ID && (a.RevisionErr == nil) == (b.RevisionErr == nil)
}
