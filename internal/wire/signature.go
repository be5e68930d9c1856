package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmihailenco/msgpack/v5"
)

// SignatureBytes is how many bytes signing adds to a value.
const SignatureBytes = 1 + 4 + 1 + 2*keyIDBytes + 10 + 2 + 2*ed25519.SignatureSize

// keyIDBytes is how much of a key's digest its id shows, in hex.
const keyIDBytes = 8

// The kinds of reasons for which no trusted key has signed a value.
var (
	ErrUnsigned   = errors.New("the value is not signed")
	ErrUnknownKey = errors.New("the value is signed with an unknown key")
	ErrAltered    = errors.New("the signature is not right: the value was altered, or is of another fleet")
)

// KeyID returns the id of a key: the first 16 hex digits of the SHA-256 of the public key's 32 bytes.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:keyIDBytes])
}

// Keyring holds the trusted keys by their ids.
type Keyring map[string]ed25519.PublicKey

// NewKeyring returns nil for no keys. The error says which key has the wrong length.
func NewKeyring(keys []ed25519.PublicKey) (Keyring, error) {
	var ring Keyring
	for i, key := range keys {
		if len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("verify key %d: has %d bytes (an Ed25519 key has %d)", i, len(key), ed25519.PublicKeySize)
		}
		if ring == nil {
			ring = make(Keyring, len(keys))
		}
		ring[KeyID(key)] = slices.Clone(key)
	}
	return ring, nil
}

// IDs returns the ids of the ring's keys, in order.
func (k Keyring) IDs() []string {
	ids := make([]string, 0, len(k))
	for id := range k {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// signed returns the bytes that are signed: the name of the key that holds the value, a
// newline and the exact bytes of the value's first map. Because of the name, a value that was
// signed for one fleet is rejected in another.
func signed(name string, body []byte) []byte {
	return slices.Concat([]byte(name), []byte{'\n'}, body)
}

// AppendSignature returns the value with its signature, for the Redis key of that name.
func AppendSignature(body []byte, name string, key ed25519.PrivateKey) ([]byte, error) {
	if len(body)+SignatureBytes > MaxValueBytes {
		return nil, invalid("", fmt.Sprintf("the set takes %d bytes, the limit is %d with a signature", len(body),
			MaxValueBytes-SignatureBytes))
	}
	id := KeyID(key.Public().(ed25519.PublicKey))
	return append(body, encodeSignature(id, ed25519.Sign(key, signed(name, body)))...), nil
}

// encodeSignature returns the canonical bytes of a signature. No others are accepted.
func encodeSignature(keyID string, signature []byte) []byte {
	var buf bytes.Buffer
	e := encoder{msgpack.NewEncoder(&buf)}
	_ = e.EncodeMapLen(2)
	e.text("key", keyID)
	e.text("signature", hex.EncodeToString(signature))
	return buf.Bytes()
}

// Verify returns the id of the key that signed a value. The error wraps ErrUnsigned,
// ErrUnknownKey or ErrAltered, or is a *MalformedError. Verify does not decode the value:
// Decode does, after Verify.
func (k Keyring) Verify(value []byte, name string) (keyID string, err error) {
	if len(value) == 0 {
		return "", fmt.Errorf("%w: it is empty", ErrUnsigned)
	}
	in := string(value)
	end, err := scanMap(in, 0)
	if err != nil {
		return "", err
	}
	if end == len(in) {
		return "", ErrUnsigned
	}
	id, signature, ok := readSignature(in[end:])
	if !ok {
		return "", ErrAltered
	}
	key, known := k[id]
	if !known {
		return "", fmt.Errorf("%w: %s, not %s", ErrUnknownKey, id, strings.Join(k.IDs(), " or "))
	}
	if !ed25519.Verify(key, signed(name, value[:end]), signature) {
		return "", ErrAltered
	}
	return id, nil
}

// readSignature returns the key's id and the signature. It accepts the canonical bytes only,
// because whoever cannot sign could otherwise write the same signature in other widths, and
// have every subscriber apply the same set again.
func readSignature(text string) (keyID string, signature []byte, ok bool) {
	if len(text) != SignatureBytes {
		return "", nil, false
	}
	const idAt = 1 + 4 + 1 // a map of 2, "key" and the length of the id
	keyID = text[idAt : idAt+2*keyIDBytes]
	digits := text[SignatureBytes-2*ed25519.SignatureSize:]
	signature, err := hex.DecodeString(digits)
	if err != nil || !isHex(keyID, keyIDBytes) || !isHex(digits, ed25519.SignatureSize) ||
		string(encodeSignature(keyID, signature)) != text {
		return "", nil, false
	}
	return keyID, signature, true
}
