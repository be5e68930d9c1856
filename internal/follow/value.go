package follow

import (
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/store"
	"github.com/fleetdial/fleetdial/internal/wire"
)

var (
	errWrongType = errors.New("the key does not hold a string")
	errReplayed  = errors.New("a replay")
)

// value identifies a value of the key. The zero value is none.
type value struct {
	// kind is what the key held: a missing key, an empty value, another type or bytes.
	kind kind
	// header is the first bytes of the value, and length how long it is, up to the limit.
	header string
	length int64
	// digest returns the digest of the whole value, and id is the revision's. They are nil and
	// empty if only the header was read, or nothing.
	digest wire.LazyDigest
	id     string
}

type kind uint8

const (
	kindNone kind = iota
	kindMissing
	kindEmpty
	kindWrongType
	kindBytes
)

// isOf reports whether the value is of the revision with this id.
func (v *value) isOf(id string) bool { return id != "" && v.id == id }

// identify returns what tells a reading's value from others.
func (f *Follower) identify(r store.Reading, whole bool) value {
	switch {
	case r.WrongType:
		return value{kind: kindWrongType}
	case r.Missing:
		return value{kind: kindMissing}
	case len(r.Value) == 0:
		return value{kind: kindEmpty}
	}
	v := value{
		kind:   kindBytes,
		header: string(r.Value[:min(len(r.Value), wire.HeaderBytes)]),
		length: min(r.Length, int64(f.cfg.MaxBytes)+1),
	}
	if whole {
		v.digest = wire.NewLazyDigest(r.Value)
		if head, err := wire.DecodeHeader(r.Value); err == nil {
			v.id = head.ID
		}
	}
	return v
}

// isKnown reports whether a header is that of a value which needs no reading. The header of a
// signed value does not tell, because an altered value keeps it.
func (f *Follower) isKnown(r store.Reading) bool {
	v := f.identify(r, false)
	// A value that was altered under its header looks like both.
	return v.kind == kindMissing || v.isLike(&f.applied) != v.isLike(&f.rejected)
}

// isLike compares everything that a header tells.
func (v *value) isLike(other *value) bool {
	return v.kind == other.kind && v.header == other.header && v.length == other.length
}

// take makes what was read the set in force, unless it is already, or is rejected. The error
// is a *RejectedError if the value was rejected, now or before.
func (f *Follower) take(c *fetching, r store.Reading) error {
	v := f.identify(r, c.mode == FetchValue)
	same := func(known *value) bool {
		return v.isLike(known) && (c.mode == FetchHeader || v.digest.String() == known.digest.String())
	}
	switch {
	case v.kind == kindMissing:
		f.found = wire.StateMissing
	case same(&f.rejected):
		f.found = wire.StateRejected
	case same(&f.applied):
		f.found = stateOf(f.status.Revision)
		f.status.Source = wire.SourceLive
	default:
		return f.takeNew(c, r, v)
	}
	f.status.LastSync = f.now
	if f.found == wire.StateRejected {
		return &RejectedError{f.status.Rejected.Err}
	}
	return nil
}

func stateOf(rev wire.Revision) wire.State {
	if rev.Version == 0 {
		return wire.StateEmpty
	}
	return wire.StateLive
}

// takeNew applies or rejects a value that is neither applied nor rejected.
func (f *Follower) takeNew(c *fetching, r store.Reading, v value) error {
	f.status.LastSync = f.now
	rev, reason, err := f.accept(r)
	if err != nil {
		f.reject(r, v, reason, err)
		return &RejectedError{err}
	}
	f.apply(c, rev, v)
	if r.Value == nil {
		r.Value = []byte{} // an empty value; nil stands for the one in the file
	}
	f.save(r.Value)
	return nil
}

// accept returns the revision that was read, or why it is rejected.
func (f *Follower) accept(r store.Reading) (wire.Revision, wire.RejectReason, error) {
	if r.WrongType {
		return wire.Revision{}, wire.RejectWrongType, errWrongType
	}
	if len(r.Value) > f.cfg.MaxBytes {
		return wire.Revision{}, wire.RejectTooLarge, fmt.Errorf("the value is larger than the limit of %d bytes", f.cfg.MaxBytes)
	}
	rev, reason, err := wire.Accept(r.Value, f.cfg.Keys, f.cfg.Key)
	if err != nil {
		return rev, reason, err
	}
	if rev.Verified && rev.Version <= f.signedVersion && rev.ID != f.signedID {
		return rev, wire.RejectReplayed, fmt.Errorf("%w: version %d is not above version %d, which was applied before",
			errReplayed, rev.Version, f.signedVersion)
	}
	return rev, "", nil
}

// RejectedError says that the fleet's key holds a value that was rejected.
type RejectedError struct{ Err error }

// Error returns the reason.
func (e *RejectedError) Error() string {
	return "the fleet's key holds a rejected value: " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *RejectedError) Unwrap() error { return e.Err }

// reject records a value that is not applied. The set stays.
func (f *Follower) reject(r store.Reading, v value, reason wire.RejectReason, err error) {
	head, _ := wire.DecodeHeader(r.Value)
	f.rejected, f.found = v, wire.StateRejected
	f.status.Rejected = &Rejection{Version: head.Version, ID: head.ID, Reason: reason, Err: err, At: f.now}
	f.status.Counters.reject(reason)
	f.out.Report = true
	f.outcome = &outcome{&f.stateLines, Line{true, "revision rejected; the last good one stays", []any{
		"version", head.Version, "id", head.ID, "err", err, "kept", f.status.Revision.Version,
	}}}
}

// apply makes a revision the one in force.
func (f *Follower) apply(c *fetching, rev wire.Revision, v value) {
	before, wasOf := f.status.Revision, f.applied
	f.swap(directive.AnchorAfter(rev.Set, f.set, f.clock.Epoch, f.clock.IsTentative()))
	f.doubted = nil
	f.note(rev, v)
	f.status.AppliedAt, f.status.Source, f.status.Rejected = f.now, wire.SourceLive, nil
	f.rejected, f.found = value{}, stateOf(rev)
	f.observeLatency(before)
	f.status.Counters.Applies++
	f.out.Applied, f.out.Report = &rev, true
	if rev.ID == f.newest.ID {
		f.out.ReportSpread = f.newest.ReportSpread()
	}
	// A replica that lags may show a revision that was announced or applied before.
	isNew := rev.Version > f.session.newest && !f.announced.has(rev.ID) && !wasOf.isOf(rev.ID)
	if c.cause&causeResync != 0 && !c.cause.isHinted() && f.session.reliable && isNew {
		f.unannounced = &unannounced{session: f.session.number, heard: c.heard, at: f.now.Add(announcementGrace)}
	}
	f.session.newest, f.successor.newest = max(f.session.newest, rev.Version), max(f.successor.newest, rev.Version)
	line := Line{Message: "revision applied", Attrs: []any{
		"version", rev.Version, "id", rev.ID, "directives", rev.Set.Len(), "author", rev.PublishedBy, "reason", rev.Reason,
	}}
	switch {
	case wasOf.isOf(rev.ID):
		line.Warn, line.Message = true, "revision applied again, because its value was altered under its id"
	case rev.Version != 0 && rev.Version < before.Version:
		f.status.Counters.Regressions++
		line.Warn, line.Message = true, "revision applied, although its version goes back"
		line.Attrs = append(line.Attrs, "from", before.Version)
	}
	f.outcome = &outcome{&f.applyLines, line}
}

// note remembers a revision that was accepted.
func (f *Follower) note(rev wire.Revision, v value) {
	f.applied = v
	f.status.Revision = rev
	f.noteSigned(rev)
}

// noteSigned remembers the version of a signed revision, so that no older one is applied.
func (f *Follower) noteSigned(rev wire.Revision) {
	if rev.Verified && rev.Version >= f.signedVersion {
		f.signedVersion, f.signedID = rev.Version, rev.ID
	}
}

// observeLatency counts how long the revision that has just been applied took. The first
// revision, and one that goes back, tell how long ago somebody published, and not how long
// the fleet takes.
func (f *Follower) observeLatency(before wire.Revision) {
	rev := &f.status.Revision
	announced := rev.ID != "" && rev.ID == f.newest.ID
	if announced {
		f.status.AnnounceToApply.Observe(f.now.Sub(f.newestAt))
	}
	if announced || f.status.Counters.Applies > 0 && rev.Version > before.Version {
		f.status.PublishToApply.Observe(f.now.Add(f.status.ClockOffset).Sub(rev.PublishedAt))
	}
}
