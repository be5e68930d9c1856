package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/internal/overview"
	"github.com/fleetdial/fleetdial/internal/plain"
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

// checksSignatures lists the commands that check signatures with --verify-key, apart from
// publish -f. The other commands reject the flag, because they would seem to check the
// signatures of what they show.
var checksSignatures = []string{
	"add", "clear", "diff", "edit", "explain", "extend", "get", "history", "off", "remove", "roll", "rollback", "top",
	"ui", "watch",
}

// checkVerifyKey rejects --verify-key where it has no effect. FLEETDIAL_VERIFY_KEY is for the
// commands that check signatures, and has no effect on others.
func checkVerifyKey(cmd *cobra.Command) error {
	if !cmd.HasParent() || !cmd.Flags().Changed("verify-key") || slices.Contains(checksSignatures, cmd.Name()) {
		return nil
	}
	return usagef("--verify-key: %s checks no signatures (publish get, history and watch do)", cmd.Name())
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

// signers returns the column SIGNED BY for the revisions of a history. It returns nil if no
// revision is signed, and no signature is checked.
func (a *app) signers(changes []overview.Change) (column []string) {
	isSigned := len(a.verifyKeys) > 0
	for _, c := range changes {
		rev, cell := c.Revision, ""
		switch {
		case c.Err != nil:
			cell = "-"
		case rev.SignedBy == "" && len(a.verifyKeys) > 0:
			cell = "NOT SIGNED"
		case len(a.verifyKeys) == 0 && rev.SignedBy != "":
			cell = rev.SignedBy + ", not checked"
		case rev.Verified || rev.SignedBy == "":
			cell = plain.DashIfEmpty(rev.SignedBy)
		default:
			cell = "NOT VERIFIED: " + rev.SignedBy
		}
		isSigned = isSigned || rev.SignedBy != ""
		column = append(column, cell)
	}
	if !isSigned {
		return nil
	}
	return column
}

// unverified returns the error of [app.notVerified] for the revisions of a history, which names
// their versions. An unreadable entry has no signature.
func (a *app) unverified(changes []overview.Change) error {
	var versions []string
	for _, c := range changes {
		if len(a.verifyKeys) > 0 && (c.Err != nil || !c.Revision.Verified) {
			versions = append(versions, fmt.Sprint(c.Revision.Version))
		}
	}
	switch len(versions) {
	case 0:
		return nil
	case 1:
		return &exitError{exitRejected, fmt.Sprintf("version %s: no trusted key signed it", versions[0])}
	}
	return &exitError{exitRejected, fmt.Sprintf("versions %s: no trusted key signed them", strings.Join(versions, ", "))}
}

// revisionJSON returns a revision as JSON. With --verify-key, the JSON tells whether a trusted
// key signed the revision.
func (a *app) revisionJSON(rev fleetdial.Revision) json.RawMessage {
	object := rev.AppendJSON(nil)
	if len(a.verifyKeys) == 0 {
		return object
	}
	object = bytes.TrimSuffix(bytes.TrimSpace(object), []byte("}"))
	return fmt.Appendf(object, `,"verified":%t}`, rev.Verified)
}
