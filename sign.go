package fleetdial

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/fleetdial/fleetdial/internal/redisstore"
	"github.com/fleetdial/fleetdial/internal/wire"
)

// ErrUnverified is wrapped by the errors of Publisher.Update and Rollback that would have to build on a revision which
// none of the publisher's keys signed. Nothing was written.
var ErrUnverified = redisstore.ErrUnverified

// KeyID names a key: the first 16 hex digits of the SHA-256 of the public key's 32 bytes.
func KeyID(key ed25519.PublicKey) string { return wire.KeyID(key) }

// ParseVerifyKeys returns the Ed25519 public keys in PEM, one or more blocks of type PUBLIC KEY (RFC 8410, as publish
// keygen and openssl write them), for SubscriberConfig.VerifyKeys. The error says which block is none.
func ParseVerifyKeys(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for n, rest := 1, text; len(bytes.TrimSpace(rest)) > 0; n++ {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, fmt.Errorf("fleetdial: verify keys: block %d is not PEM", n)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := key.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("fleetdial: verify keys: block %d, of type %q, is no Ed25519 public key", n, block.Type)
		}
		keys, rest = append(keys, public), after
	}
	if len(keys) == 0 {
		return nil, errors.New("fleetdial: verify keys: there is none")
	}
	return keys, nil
}

// ParseSignKey returns the Ed25519 private key in PEM, one block of type PRIVATE KEY (PKCS #8), for
// PublisherConfig.SignKey. Nothing of the text is in an error.
func ParseSignKey(text []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("fleetdial: sign key: it is not one block of PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("fleetdial: sign key: it is no Ed25519 private key")
	}
	return private, nil
}
