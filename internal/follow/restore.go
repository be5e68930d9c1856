package follow

import (
	"time"

	"github.com/fleetdial/fleetdial/internal/clock"
	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// Restore takes in the value of a snapshot file before the first event. The value has to be
// as good as one from Redis. Epoch is the local time at which the fleet's clock read zero, as
// far as the machine's clocks tell. If use is false, Restore only remembers the version of a
// signed value, so that no older one is applied.
func (f *Follower) Restore(bytes []byte, epoch time.Time, use bool) (Effects, error) {
	f.out = Effects{}
	r := store.Reading{Value: bytes, Length: int64(len(bytes))}
	rev, _, err := f.accept(r)
	if err != nil {
		return Effects{}, err
	}
	f.noteSigned(rev)
	if !use {
		return Effects{}, nil
	}
	f.clock = clock.Clock{Known: true, Estimate: clock.Estimate{Epoch: epoch, Own: true}}
	f.swap(directive.Anchor(rev.Set, epoch))
	f.isSaved, f.savedEpoch = true, epoch
	f.note(rev, f.identify(r, true))
	f.status.AppliedAt, f.status.Source = f.now, wire.SourceSnapshot
	f.out.Applied = &rev
	f.log(&f.applyLines, false, "started from the snapshot file", "state", f.status.State,
		"version", rev.Version, "id", rev.ID, "directives", rev.Set.Len())
	return f.out, nil
}
