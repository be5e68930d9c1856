import hashlib
import hmac
import json
import unittest

from fleetdial_ref import Rejected, read_token

KEY = b"0123456789abcdef"
NOW = 1_790_000_000_000
EXP = NOW // 1000 + 60


def token(payload, key=KEY):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return raw.hex() + "." + hmac.new(key, raw, hashlib.sha256).hexdigest()


class TokenTest(unittest.TestCase):
    def reject(self, text, reason, key=KEY):
        with self.assertRaises(Rejected) as caught:
            read_token(key, text, NOW)
        self.assertEqual(caught.exception.reason, reason, str(caught.exception))

    def test_token(self):
        got = read_token(KEY, token({"level": "Shape", "exp": EXP, "tenant": "t"}), NOW)
        self.assertEqual((got.id, got.level, got.tenant), ("x-debug-header", "Shape", "t"))
        self.assertEqual((got.sample_per_mille, got.expires_at), (1000, EXP * 1000))

    def test_rejections(self):
        good = token({"level": "Shape", "exp": EXP})
        self.reject(good, "key", KEY[:15])
        self.reject(good, "forged", KEY + b"x")
        self.reject(good[:-2], "forged")
        self.reject(good[1:], "malformed")
        self.reject("", "malformed")
        self.reject("00" * 2048 + good, "malformed")
        for payload in (
            {"level": "Shape"}, {"exp": EXP}, {"level": "shape", "exp": EXP}, [], 1, b"", b"{",
            {"level": "Shape", "exp": NOW // 1000}, {"level": "Shape", "exp": EXP + 86_400},
            {"level": "Shape", "exp": str(EXP)}, {"level": "Shape", "exp": float(EXP)},
            {"level": "Shape", "exp": EXP, "max_per_second": 1},
            {"level": "Shape", "exp": EXP, "tenant": ""},
            {"level": "Shape", "exp": EXP, "tenant": None},
            {"level": "Shape", "exp": EXP, "sample_per_mille": 1001},
            {"level": "Shape", "exp": EXP, "ring_buffer": 1},
            b'{"level":"Shape","level":"Shape","exp":%d}' % EXP,
            b'{"level":"Shape","exp":%d,"sample_per_mille":-0}' % EXP,
            b'{"level":"Shape","exp":%d,"sample_per_mille":1e2}' % EXP,
        ):
            with self.subTest(payload=payload):
                self.reject(token(payload), "invalid")


if __name__ == "__main__":
    unittest.main()
