package redisstore

import (
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// acceptance is by what rules a value becomes a revision, wherever it was read. It belongs to one goroutine.
type acceptance struct {
	// name is that of the fleet's key, which a signature is bound to.
	name string
	// keys are those whose signatures are believed; nil believes every value.
	keys     wire.Keyring
	maxBytes int
	// accepts counts the revisions that were accepted.
	accepts int
	// last is the mark of the newest signed revision that was accepted, lastVersion its version.
	last        mark
	lastVersion int64
}

func newAcceptance(r source, cfg SubscriberConfig) *acceptance {
	keys, _ := wire.NewKeyring(cfg.VerifyKeys) // checked with the rest of the configuration
	a := &acceptance{maxBytes: cfg.MaxBytes, keys: keys}
	if remote, ok := r.(*remote); ok {
		a.name = remote.keys.revision
	}
	return a
}

// markOf tells one value from another by all of its bytes where they are signed: what was altered has the id that it had.
func (a *acceptance) markOf(r reading) mark {
	return markOf(r, a.keys != nil)
}

var (
	errWrongType = errors.New("the key does not hold a string")
	errReplayed  = errors.New("a replay")
)

// decode returns the revision that was read, or why it is refused.
func (a *acceptance) decode(got reading) (wire.Revision, RejectReason, error) {
	if got.wrongType {
		return wire.Revision{}, RejectWrongType, errWrongType
	}
	if len(got.value) > a.maxBytes {
		return wire.Revision{}, RejectTooLarge, fmt.Errorf("the value is larger than the limit of %d bytes", a.maxBytes)
	}
	if a.keys != nil {
		if _, err := a.keys.Verify(got.value, a.name); err != nil {
			return wire.Revision{}, sealReason(err), err
		}
	}
	if len(got.value) == 0 {
		return wire.Revision{Set: emptySet}, "", nil
	}
	rev, err := wire.Decode(got.value)
	if _, invalid := errors.AsType[*directive.ValidationError](err); invalid {
		return rev, RejectInvalid, err
	}
	if err != nil {
		return rev, RejectMalformed, err
	}
	rev.Verified = a.keys != nil
	if rev.Verified && rev.Version <= a.lastVersion && !a.last.has(rev.ID) {
		return rev, RejectReplayed, fmt.Errorf("%w: its version, %d, is not above %d, which was here before",
			errReplayed, rev.Version, a.lastVersion)
	}
	return rev, "", nil
}

// accepted takes note of a revision that was applied.
func (a *acceptance) accepted(rev wire.Revision, m mark) {
	a.accepts++
	if rev.Verified {
		a.last, a.lastVersion = m, rev.Version
	}
}

func sealReason(err error) RejectReason {
	switch {
	case errors.Is(err, wire.ErrUnsigned):
		return RejectUnsigned
	case errors.Is(err, wire.ErrUnknownKey):
		return RejectUnknownKey
	case errors.Is(err, wire.ErrAltered):
		return RejectAltered
	}
	return RejectMalformed
}
