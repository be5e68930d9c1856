package redisstore

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/fleetdial/fleetdial/internal/wire"
)

func (cfg *PublisherConfig) keyring() (wire.Keyring, error) {
	keys := slices.Clone(cfg.VerifyKeys)
	if cfg.SignKey != nil {
		if len(cfg.SignKey) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("the sign key is %d bytes, an Ed25519 key is %d", len(cfg.SignKey), ed25519.PrivateKeySize)
		}
		keys = append(keys, cfg.SignKey.Public().(ed25519.PublicKey))
	}
	return wire.NewKeyring(keys)
}

// encode returns the bytes of a revision, with its seal if the publisher signs, and says so in the revision.
func (p *Publisher) encode(rev *wire.Revision) ([]byte, error) {
	value, err := wire.Encode(*rev)
	if err != nil || p.cfg.SignKey == nil {
		return value, err
	}
	rev.SignedBy, rev.Verified = wire.KeyID(p.cfg.SignKey.Public().(ed25519.PublicKey)), true
	return wire.AppendSeal(value, p.remote.keys.revision, p.cfg.SignKey)
}

// decode returns the revision that a whole value holds; no bytes are the empty set. It says of a signature whether it is
// right, and refuses none for that.
func (p *Publisher) decode(value []byte) (wire.Revision, error) {
	if len(value) == 0 {
		return wire.Revision{Set: emptySet}, nil
	}
	rev, err := wire.Decode(value)
	if err != nil {
		return wire.Revision{}, fmt.Errorf("the fleet's key holds no valid set: %w", err)
	}
	if p.keys != nil {
		_, err := p.keys.Verify(value, p.remote.keys.revision)
		rev.Verified = err == nil
	}
	return rev, nil
}

// believe returns the error for a revision to build upon that nobody known has signed: signing what came of it would
// sign what somebody else wrote.
func (p *Publisher) believe(rev wire.Revision) error {
	if p.keys == nil || rev.Verified || rev.Version == 0 {
		return nil
	}
	signer := "nobody"
	if rev.SignedBy != "" {
		signer = "key " + rev.SignedBy
	}
	return fmt.Errorf("%w: version %d is signed by %s; publish a whole set instead", ErrUnverified, rev.Version, signer)
}

// maxClaim is how far above what is certain a version may be that anyone can have written: far more than a fleet gets to
// in its life, and far less than would use up the versions.
const maxClaim = 1_000_000_000

// above returns the version that comes after all others: after the one that Redis holds and, in a signed fleet, after
// those that the roster says were applied, since its proxies take no older one.
func (p *Publisher) above(there wire.Revision, claimed []int64) int64 {
	if p.cfg.SignKey == nil {
		return there.Version + 1
	}
	certain := int64(0)
	if there.Verified {
		certain = there.Version
	}
	highest := certain
	for _, version := range append(claimed, there.Version) {
		if version-certain <= maxClaim {
			highest = max(highest, version)
		}
	}
	return highest + 1
}

// appliedVersions returns what the roster says was applied. A roster that is of another type, or may not be read, says
// nothing: it must not keep anyone from publishing.
func (p *Publisher) appliedVersions(ctx context.Context) ([]int64, error) {
	instances, err := p.roster(ctx)
	if err == nil {
		err = p.readReports(ctx, instances)
	}
	if err != nil && !isReply(err) && errors.Is(err, ErrUnavailable) {
		return nil, err
	}
	var versions []int64
	for _, in := range instances {
		if in.Report != nil && in.Report.Applied != nil {
			versions = append(versions, in.Report.Applied.Version)
		}
	}
	return versions, nil
}
