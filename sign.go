package fleetdial

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial/internal/directive"
	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// KeyID returns the id of a public key: the first 16 hex digits of the SHA-256 of its 32
// bytes.
func KeyID(key ed25519.PublicKey) string { return wire.KeyID(key) }

// ParseVerifyKeys reads Ed25519 public keys in PEM, for SubscriberConfig.VerifyKeys: one
// or more blocks of type PUBLIC KEY (RFC 8410). The command publish keygen and openssl
// write such blocks. The error names the block that is not valid.
func ParseVerifyKeys(text []byte) ([]ed25519.PublicKey, error) { return wire.ParseVerifyKeys(text) }

// ParseSignKey reads an Ed25519 private key in PEM, for PublisherConfig.SignKey: one
// block of type PRIVATE KEY (PKCS #8). The error contains no part of the text.
func ParseSignKey(text []byte) (ed25519.PrivateKey, error) { return wire.ParseSignKey(text) }

// encode returns the value of a revision. If the publisher has a SignKey, encode appends
// the signature, and sets SignedBy and Verified of the revision.
func (p *Publisher) encode(rev *Revision) ([]byte, error) {
	value, err := wire.Encode(*rev)
	if err != nil || p.cfg.SignKey == nil {
		return value, err
	}
	rev.SignedBy, rev.Verified = wire.KeyID(p.cfg.SignKey.Public().(ed25519.PublicKey)), true
	return wire.AppendSignature(value, p.client.Key(), p.cfg.SignKey)
}

// decode returns the revision in a whole value. An empty value is the empty set. decode
// sets Verified if a trusted key has signed the value. A value that no trusted key has
// signed is decoded too.
func (p *Publisher) decode(value []byte) (Revision, error) {
	if len(value) == 0 {
		return Revision{Set: new(Set)}, nil
	}
	rev, err := wire.Decode(value)
	if err != nil {
		return Revision{}, fmt.Errorf("the fleet's key holds no valid set: %w", err)
	}
	if p.keys != nil {
		_, err := p.keys.Verify(value, p.client.Key())
		rev.Verified = err == nil
	}
	return rev, nil
}

// checkSigned returns an error if no trusted key has signed the revision. Without this
// check, a publisher would sign directives that somebody else has written.
func (p *Publisher) checkSigned(rev Revision) error {
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
	// maxAhead bounds how far a reported version may be above the last signed version, because
	// anyone can forge a report. A fleet publishes far fewer revisions in its life, and far more
	// versions are left above it.
	maxAhead = 1_000_000_000
	// maxFirst bounds a reported version if no signed version is known. The bound is not
	// maxAhead, because forged reports may have raised the versions before Redis lost its data,
	// and the proxies apply no lower version. Half of all versions are left above maxFirst.
	maxFirst = directive.MaxMillis / 2
)

// above returns the next version of a signed fleet. The version is above the last signed
// version and above the reported versions, because the proxies of the fleet apply no
// version that is not above the version that they have applied.
func above(signed int64, reported []int64) int64 {
	limit := signed + maxAhead
	if signed == 0 {
		limit = maxFirst
	}
	highest := signed
	for _, version := range reported {
		if version <= limit {
			highest = max(highest, version)
		}
	}
	return highest + 1
}

// lastSigned returns the version of the current revision if a trusted key has signed it.
// Otherwise, lastSigned returns the highest version in the history that a trusted key has
// signed, or 0.
func (t *transaction) lastSigned(ctx context.Context, tx *redisstore.Tx, current Revision, revisions int64) (int64, error) {
	if current.Verified {
		return current.Version, nil
	}
	highest := int64(0)
	for i := range int(min(revisions, MaxHistory)) {
		value, _, err := tx.HistoryValue(ctx, i)
		if err != nil {
			return 0, err
		}
		if rev, err := t.publisher.decode(value); err == nil && rev.Verified {
			highest = max(highest, rev.Version)
		}
	}
	return highest, nil
}

// appliedVersions returns the versions that the roster reports as applied. If the roster
// is of another type, or if the user may not read it, appliedVersions returns no
// versions, so that a damaged roster does not prevent a publish. If Redis cannot be
// reached, the error wraps ErrUnavailable.
func (p *Publisher) appliedVersions(ctx context.Context) ([]int64, error) {
	instances, err := p.members(ctx)
	if err == nil {
		err = p.readReports(ctx, instances)
	}
	if errors.Is(err, ErrUnavailable) && !redisstore.IsDenied(err) {
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
