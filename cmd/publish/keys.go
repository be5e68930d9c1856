package main

import (
	"crypto/ed25519"
	"fmt"
	"os"

	"github.com/fleetdial/fleetdial"
)

// readSignKey reads the private key of --sign-key.
func readSignKey(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("--sign-key: %w", err)
	}
	key, err := fleetdial.ParseSignKey(text)
	if err != nil {
		return nil, usagef("--sign-key: %s: %w", file, err)
	}
	return key, nil
}

// readVerifyKeys reads the trusted keys of --verify-key.
func readVerifyKeys(files []string) (keys []ed25519.PublicKey, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usagef("--verify-key: %w", err)
		}
		more, err := fleetdial.ParseVerifyKeys(text)
		if err != nil {
			return nil, usagef("--verify-key: %s: %w", file, err)
		}
		keys = append(keys, more...)
	}
	return keys, nil
}

// notVerified returns an error if --verify-key is given and no trusted key signed the
// revision, because proxies with these keys reject it. The exit code is that of a rejected
// set.
func (a *app) notVerified(rev fleetdial.Revision) error {
	if len(a.verifyKeys) == 0 || rev.Verified {
		return nil
	}
	return &exitError{exitRejected, fmt.Sprintf("version %d: %s", rev.Version, a.signature(rev))}
}

// signature describes the signature of a revision. It returns an empty string for an
// unsigned revision without --verify-key.
func (a *app) signature(rev fleetdial.Revision) string {
	switch {
	case rev.SignedBy == "" && len(a.verifyKeys) > 0:
		return "NOT SIGNED"
	case rev.SignedBy == "":
		return ""
	case rev.Verified:
		return "signed by " + rev.SignedBy
	case len(a.verifyKeys) > 0:
		return "signed by " + rev.SignedBy + ", NOT VERIFIED: not a trusted key, or the set was altered"
	}
	return "signed by " + rev.SignedBy + ", not checked"
}
