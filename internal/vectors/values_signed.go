package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// redisKey is the name of the key that holds the signed values.
const redisKey = "fleetdial:{prod}"

// signatureBytes is the length of a signature map.
const signatureBytes = 164

// seed returns the seed of the private key with a number.
func seed(number byte) []byte { return bytes.Repeat([]byte{number}, ed25519.SeedSize) }

func private(number byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seed(number)) }

func public(number byte) hexBytes { return hexBytes(private(number).Public().(ed25519.PublicKey)) }

func keyID(number byte) string {
	sum := sha256.Sum256(public(number))
	return hex.EncodeToString(sum[:8])
}

// signature returns the signature map of a key.
func signature(number byte, sig []byte) []byte {
	return fields{{str("key"), str(keyID(number))}, {str("signature"), str(hex.EncodeToString(sig))}}.pack()
}

// sign returns a revision with its signature.
func sign(body []byte, name string, number byte) []byte {
	sig := ed25519.Sign(private(number), slices.Concat([]byte(name), []byte{'\n'}, body))
	return append(bytes.Clone(body), signature(number, sig)...)
}

// verified makes a line of a subscriber with trusted keys.
func verified(v value, numbers ...byte) value {
	v.Level, v.RedisKey = "L3", redisKey
	for _, n := range numbers {
		v.Keys = append(v.Keys, public(n))
	}
	if v.Revision != nil {
		v.Revision.SignedBy = keyID(numbers[0])
	}
	return v
}

// signedRevision is what the signed values hold.
func signedRevision() revision { return someRevision(someDirective()) }

func signatures() (all []value) {
	rev := signedRevision()
	body := rev.pack()
	good := func(name, rules string, packed []byte, rev revision) {
		all = append(all, verified(accepted(name, rules, packed, rev), 1))
	}
	good("signed", "G1 G2 G3 G4", sign(body, redisKey, 1), rev)
	empty := someRevision()
	good("signed without directives", "G3", sign(empty.pack(), redisKey, 1), empty)
	detailed := someRevision(changed(someDirective(), func(d *directive) { d.MaxPerSecond = 5 }))
	good("signed in format 2", "G3", sign(detailed.pack(), redisKey, 1), detailed)
	good("signed in other widths", "G3 V4", sign(rev.fields().packAs(4), redisKey, 1), rev)
	second := verified(accepted("signed by the second trusted key", "G5", sign(body, redisKey, 2), rev), 2)
	second.Keys = []hexBytes{public(1), public(2)}
	first := verified(accepted("signed by the first of two trusted keys", "G5", sign(body, redisKey, 1), rev), 1)
	first.Keys = []hexBytes{public(1), public(2)}
	all = append(all, first, second)
	other := verified(accepted("signed for a fleet of another name", "G3", sign(body, "fleetdial:{a.b_c-D9}", 1), rev), 1)
	other.RedisKey = "fleetdial:{a.b_c-D9}"
	all = append(all, other)
	bad := func(name, rules, reason string, packed []byte) {
		all = append(all, verified(rejected(name, rules, reason, packed), 1))
	}
	bad("unsigned", "G5", isUnsigned, body)
	bad("the empty value in a signed fleet", "G5 V13", isUnsigned, nil)
	bad("unsigned, and invalid", "G5", isUnsigned, rev.fields().with("version", integer(0)).pack())
	bad("unsigned, of format 3", "G5", isUnsigned, rev.fields().with("format", integer(3)).pack())
	bad("signed by an unknown key", "G5", unknownKey, sign(body, redisKey, 2))
	bad("signed, and invalid", "V7", invalid, sign(rev.fields().with("version", integer(0)).pack(), redisKey, 1))
	bad("signed, of format 3", "V10", invalid, sign(rev.fields().with("format", integer(3)).pack(), redisKey, 1))
	bad("signed, with two directives of one id", "V8", invalid, sign(someRevision(someDirective(), someDirective()).pack(), redisKey, 1))
	bad("text in a signed fleet", "G5", malformed, []byte("junk"))
	bad("a truncated revision in a signed fleet", "G5 V2", malformed, body[:len(body)-1])
	bad("a bin in a revision of a signed fleet", "G5 V3", malformed, sign(rev.fields().with("reason", []byte{0xc4, 0}).pack(), redisKey, 1))
	large := verified(rejected("too large in a signed fleet", "V1", tooLarge, sign(body, redisKey, 1)), 1)
	large.PadTo = maxValueBytes + 1
	return append(all, large)
}

// alterations returns signed values that were altered.
func alterations() (all []value) {
	body := signedRevision().pack()
	whole := sign(body, redisKey, 1)
	bad := func(name, rules string, packed ...[]byte) {
		all = append(all, verified(rejected(name, rules, altered, slices.Concat(packed...)), 1))
	}
	sig := whole[len(body):]
	raw, err := hex.DecodeString(string(sig[len(sig)-128:]))
	if err != nil {
		panic(err) // the digits of signature
	}
	bad("a tenant was altered", "G5", bytes.Replace(whole, []byte("acme"), []byte("acne"), 1))
	bad("the version was altered", "G5", bytes.Replace(whole, []byte("version\x2a"), []byte("version\x2b"), 1))
	bad("a key of the revision was altered", "G5", bytes.Replace(whole, []byte("reason"), []byte("season"), 1))
	bad("the revision was written in other widths", "G3 G5", signedRevision().fields().packAs(2), sig)
	bad("signed for another fleet", "G3 G5", sign(body, "fleetdial:{test}", 1))
	bad("signed for a fleet of another case", "G3 G5", sign(body, "fleetdial:{Prod}", 1))
	bad("signed without the name of the key", "G3", signedAs(body, body))
	bad("signed without the line feed", "G3", signedAs(body, append([]byte(redisKey), body...)))
	bad("signed with a carriage return", "G3", signedAs(body, slices.Concat([]byte(redisKey+"\r\n"), body)))
	bad("the signature of another revision", "G5", someRevision().pack(), sig)
	bad("a signature of zeros", "G5", body, signature(1, make([]byte, 64)))
	bad("the key of one signature and the other signature", "G5", body, signature(1, otherSignature(body)))
	bad("S of the signature plus the order of the group", "G5", body, signature(1, malleable(raw)))
	bad("a signature of 63 bytes", "G4", body, signature(1, raw[:63]))
	bad("a signature of 65 bytes", "G4", body, signature(1, append(bytes.Clone(raw), 0)))
	bad("no signature of any length", "G4", body, signature(1, nil))
	id, digits := keyID(1), hex.EncodeToString(raw)
	bad("the digits of the signature in upper case", "G4", body, fields{{str("key"), str(id)}, {str("signature"), str(strings.ToUpper(digits))}}.pack())
	bad("the digits of the key in upper case", "G4", body, fields{{str("key"), str(strings.ToUpper(id))}, {str("signature"), str(digits)}}.pack())
	bad("the signature before the key", "G4", body, fields{{str("signature"), str(digits)}, {str("key"), str(id)}}.pack())
	bad("one more pair in the signature", "G4", body, fields{{str("key"), str(id)}, {str("signature"), str(digits)}, {str("x"), integer(1)}}.pack())
	bad("a signature without the key", "G4", body, fields{{str("signature"), str(digits)}}.pack())
	bad("an empty map for a signature", "G4", body, []byte{0x80})
	bad("a byte for a signature", "G4", body, []byte{0x01})
	bad("a truncated signature in a signed fleet", "G4", whole[:len(whole)-1])
	bad("a byte after the signature", "G4", whole, []byte{0x80})
	bad("a second signature", "G4", whole, sig)
	return append(all, wideSignatures(body, id, digits)...)
}

// wideSignatures returns a valid signature in each form that is not canonical.
func wideSignatures(body []byte, id, digits string) (all []value) {
	for _, c := range []struct {
		name   string
		packed []byte
	}{
		{"map16", fields{{str("key"), str(id)}, {str("signature"), str(digits)}}.packAs(2)},
		{"map32", fields{{str("key"), str(id)}, {str("signature"), str(digits)}}.packAs(4)},
		{"the name of the key as str8", fields{{strOf("key", 1), str(id)}, {str("signature"), str(digits)}}.pack()},
		{"the id of the key as str8", fields{{str("key"), strOf(id, 1)}, {str("signature"), str(digits)}}.pack()},
		{"the name of the signature as str8", fields{{str("key"), str(id)}, {strOf("signature", 1), str(digits)}}.pack()},
		{"the signature as str16", fields{{str("key"), str(id)}, {str("signature"), strOf(digits, 2)}}.pack()},
		{"the signature as str32", fields{{str("key"), str(id)}, {str("signature"), strOf(digits, 4)}}.pack()},
	} {
		v := rejected(fmt.Sprintf("a valid signature, with %s", c.name), "G4", altered, append(bytes.Clone(body), c.packed...))
		all = append(all, verified(v, 1))
	}
	return all
}

// signedAs returns a revision with the signature of other bytes.
func signedAs(body, bytesSigned []byte) []byte {
	return append(bytes.Clone(body), signature(1, ed25519.Sign(private(1), bytesSigned))...)
}

func otherSignature(body []byte) []byte {
	return ed25519.Sign(private(2), slices.Concat([]byte(redisKey), []byte{'\n'}, body))
}

// malleable returns a signature with the order of the group added to its second half. A verifier
// that does not bound that half accepts it.
func malleable(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	half := bytes.Clone(sig[32:])
	slices.Reverse(half)
	sum := new(big.Int).Add(new(big.Int).SetBytes(half), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(bytes.Clone(sig[:32]), sum...)
}

// replays returns signed values after another one was applied.
func replays() (all []value) {
	rev := signedRevision()
	other := strings.Repeat("1b", 16)
	for _, c := range []struct {
		name    string
		applied applied
		accept  bool
	}{
		{"a version above the last one", applied{41, other}, true},
		{"the last revision again", applied{42, revisionID}, true},
		{"the last id with a lower version", applied{43, revisionID}, true},
		{"the last version with another id", applied{42, other}, false},
		{"a version below the last one", applied{43, other}, false},
		{"a version far below the last one", applied{maxMillis, other}, false},
	} {
		v := rejected("signed, "+c.name, "G6", replayed, sign(rev.pack(), redisKey, 1))
		if c.accept {
			v = accepted("signed, "+c.name, "G6", sign(rev.pack(), redisKey, 1), rev)
		}
		v = verified(v, 1)
		v.Applied = &c.applied
		all = append(all, v)
	}
	return all
}
