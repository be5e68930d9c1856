package redisstore

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/fleetdial/fleetdial/internal/directive"
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

const (
	// maxClaim is how far above what is certain a version may be that anyone can have written: far more than a fleet gets
	// to in its life, and far less than would use up the versions.
	maxClaim = 1_000_000_000
	// maxFirstClaim bounds it where nothing is certain: lies may have made the versions jump before Redis lost its data, and
	// not going along would lock the fleet. It leaves as many versions as it may take.
	maxFirstClaim = directive.MaxMillis / 2
)

// above returns the version that comes after all others in a signed fleet: after the one that is certain, and after those
// that are claimed, such as by the roster, since the fleet's proxies take none that is older than what they had.
func above(certain int64, claimed []int64) int64 {
	limit := certain + maxClaim
	if certain == 0 {
		limit = maxFirstClaim
	}
	highest := certain
	for _, version := range claimed {
		if version <= limit {
			highest = max(highest, version)
		}
	}
	return highest + 1
}

// certain returns the version of what the key holds if its signature is right, and otherwise the highest of those in the
// history whose signatures are; 0 if there is none.
func (t *transaction) certain(ctx context.Context, tx *redis.Tx, there wire.Revision, revisions int64) (int64, error) {
	if there.Verified {
		return there.Version, nil
	}
	highest := int64(0)
	for i := range min(revisions, MaxHistory) {
		value, err := tx.LIndex(ctx, t.publisher.remote.keys.history, i).Bytes()
		if err != nil {
			return 0, classify("read the history", err)
		}
		if rev, err := t.publisher.decode(value); err == nil && rev.Verified {
			highest = max(highest, rev.Version)
		}
	}
	return highest, nil
}

// appliedVersions returns what the roster says was applied. A roster that is of another type, or may not be read, says
// nothing: it must not keep anyone from publishing.
func (p *Publisher) appliedVersions(ctx context.Context) ([]int64, error) {
	instances, err := p.members(ctx)
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
