package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParseVerifyKeys returns the Ed25519 public keys in PEM: one or more blocks of type PUBLIC KEY
// (RFC 8410). The error says which block is not valid.
func ParseVerifyKeys(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for n, rest := 1, text; len(bytes.TrimSpace(rest)) > 0; n++ {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, fmt.Errorf("fleetdial: verify keys: block %d: is not PEM", n)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		public, ok := key.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("fleetdial: verify keys: block %d: type %q is not an Ed25519 public key (PUBLIC KEY)",
				n, block.Type)
		}
		keys, rest = append(keys, public), after
	}
	if len(keys) == 0 {
		return nil, errors.New("fleetdial: verify keys: no key found (PEM blocks of type PUBLIC KEY)")
	}
	return keys, nil
}

// ParseSignKey returns the Ed25519 private key in PEM: one block of type PRIVATE KEY (PKCS #8).
// No part of the text is in an error.
func ParseSignKey(text []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("fleetdial: sign key: is not one PEM block of type PRIVATE KEY")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("fleetdial: sign key: is not an Ed25519 private key (PKCS #8)")
	}
	return private, nil
}
