import unittest

from fleetdial_ref import Applied, Rejected, TrustedKeys, ed25519, read_value
from fleetdial_ref.signature import key_id

from .encode import directive, pack, revision, sign

# Tests 1 to 3 of RFC 8032, section 7.1: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
SEED = b"\x01" * 32
KEY = ed25519.public_key_of(SEED)
REDIS_KEY = "fleetdial:{default}"


class Ed25519Test(unittest.TestCase):
    def test_rfc_8032(self):
        for seed, public_key, message, signature in RFC_8032:
            seed, message = bytes.fromhex(seed), bytes.fromhex(message)
            public_key, signature = bytes.fromhex(public_key), bytes.fromhex(signature)
            self.assertEqual(ed25519.public_key_of(seed), public_key)
            self.assertEqual(ed25519.sign(seed, message), signature)
            self.assertTrue(ed25519.verify(public_key, message, signature))
            self.assertFalse(ed25519.verify(public_key, message + b"x", signature))
            self.assertFalse(ed25519.verify(KEY, message, signature))

    def test_altered_bits(self):
        signature = ed25519.sign(SEED, b"message")
        for bit in range(0, 512, 37):
            altered = bytearray(signature)
            altered[bit // 8] ^= 1 << bit % 8
            self.assertFalse(ed25519.verify(KEY, b"message", bytes(altered)))

    def test_scalar_beyond_the_order(self):
        signature = ed25519.sign(SEED, b"message")
        scalar = int.from_bytes(signature[32:], "little") + ed25519.L
        altered = signature[:32] + scalar.to_bytes(32, "little")
        self.assertFalse(ed25519.verify(KEY, b"message", altered))

    def test_keys_that_are_not_trusted(self):
        keys = [
            b"\x01" + bytes(31),  # the neutral point
            bytes(32),  # a point of order 4
            bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            b"\x01" + bytes(30) + b"\x80",  # x = 0 with a sign
            b"\x02" + bytes(31),  # not on the curve
            KEY[:31],
        ]
        for key in keys:
            self.assertFalse(ed25519.is_public_key(key), key.hex())
            with self.assertRaises(ValueError):
                TrustedKeys([key])


class SignatureTest(unittest.TestCase):
    def setUp(self):
        self.raw = pack(revision(directive()))
        self.value = sign(SEED, REDIS_KEY, self.raw)
        self.trusted = TrustedKeys([KEY])

    def reject(self, value, reason, **changes):
        with self.assertRaises(Rejected) as caught:
            read_value(value, **{"trusted": self.trusted, "redis_key": REDIS_KEY, **changes})
        self.assertEqual(caught.exception.reason, reason)

    def test_signed_value(self):
        got = read_value(self.value, self.trusted, REDIS_KEY)
        self.assertEqual((got.version, got.signed_by), (42, key_id(KEY)))
        self.assertEqual(len(self.value) - len(self.raw), 162)

    def test_rejections(self):
        self.reject(b"", "unsigned")
        self.reject(self.raw, "unsigned")
        self.reject(sign(b"\x02" * 32, REDIS_KEY, self.raw), "unknown_key")
        self.reject(self.value, "altered", redis_key="fleetdial:{other}")
        self.reject(self.value.replace(b"ana", b"eve"), "altered")
        self.reject(self.value.replace(b"\xd9\x80", b"\xda\x00\x80"), "altered")
        self.reject(self.value + b"\xc0", "altered")
        self.reject(self.raw + self.value[len(self.raw):].upper(), "altered")
        self.reject(b"text", "malformed")
        self.reject(self.raw[:-1], "malformed")
        self.reject(sign(SEED, REDIS_KEY, pack(revision(format=3))), "invalid")

    def test_replayed_version(self):
        self.reject(self.value, "replayed", newest=Applied(42, "0b" * 16))
        self.reject(self.value, "replayed", newest=Applied(43, "0b" * 16))
        for newest in (Applied(41, "0b" * 16), Applied(42, "0a" * 16)):
            self.assertEqual(
                read_value(self.value, self.trusted, REDIS_KEY, newest).version, 42
            )

    def test_reader_without_keys(self):
        other = self.value.replace(b"ana", b"eve")
        self.assertEqual(read_value(other).publisher, "eve")
        self.assertIsNone(read_value(other).signed_by)
        self.assertEqual(read_value(self.raw + b"\x81\xa1a\x91\x01").version, 42)
        for rest in (b"\x80\x80", b"\x90", b"\x81\xa1a", b"\x81\xa1a\xc0", b"\xdf\xff\xff\xff\xff"):
            self.reject(self.raw + rest, "malformed", trusted=None)


if __name__ == "__main__":
    unittest.main()
