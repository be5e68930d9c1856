import json
import os
import subprocess
import sys
import unittest

from .encode import ID, directive, pack, revision
from .redis_server import RedisServer, eventually

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class DriverProcess:
    """The driver, as the conformance program starts it."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fleetdial_ref", "driver"],
            cwd=PACKAGE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, op, **request):
        self._process.stdin.write(json.dumps(dict(request, op=op)).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        status = self._process.wait(timeout=20)
        self._process.stdout.close()
        return status


class DriverTest(unittest.TestCase):
    def setUp(self):
        self.driver = DriverProcess()
        self.addCleanup(self.driver.close)

    def test_operations(self):
        ask = self.driver.ask
        self.assertEqual(ask("hello", protocol=1)["levels"], ["L1", "L2", "L3", "K"])
        self.assertIn("error", ask("hello", protocol=2))
        self.assertIn("error", ask("dance"))
        self.assertEqual(ask("bucket", text_hex="61"), {"bucket": 996})
        value = pack(revision(directive(tenant="é"))).hex()
        self.assertEqual(ask("decode", value_hex=value)["revision"]["id"], ID)
        self.assertEqual(ask("decode", value_hex="c0")["accept"], False)
        self.assertEqual(ask("decode", value_hex="", pad_to=4_194_305)["reason"], "too_large")
        self.assertEqual(
            ask("decide", value_hex=value, now=1, requests=[{"tenant": "é"}, {}]),
            {
                "decisions": [
                    {"level": "Shape", "ring_buffer": False, "capture": False, "by": "a"},
                    {"level": "Off", "ring_buffer": False, "capture": False},
                ]
            },
        )
        self.assertEqual(
            ask("limit", max_per_second=1, arrivals_ms=[0, 999, 1000])["applied"],
            [True, False, True],
        )
        self.assertEqual(ask("announcement", payload_hex="78"), {"announcement": None})
        self.assertIn("error", ask("state", requests=[]))

    def test_follow(self):
        server = RedisServer()
        self.addCleanup(server.close)
        ask = self.driver.ask
        following = ask("follow", redis=server.url, fleet="f", resync_ms=1000, timeout_ms=1000)
        self.assertEqual(following, {"following": True})
        server.call("SET", "fleetdial:{f}", pack(revision(directive(expires_at=2**46))))
        eventually(self, lambda: ask("state", requests=[{}])["version"] == 42, "version 42")
        state = ask("state", requests=[{}])
        self.assertEqual((state["state"], state["id"]), ("live", ID))
        self.assertEqual(state["decisions"][0]["by"], "a")
        self.assertEqual(ask("stop"), {"stopped": True})

    def test_end_of_input_ends_the_subscriber(self):
        self.driver.ask(
            "follow", redis="redis://127.0.0.1:1", fleet="f", resync_ms=1000, timeout_ms=1000
        )
        self.assertEqual(self.driver.ask("state", requests=[])["state"], "stale")
        self.assertEqual(self.driver.close(), 0)


if __name__ == "__main__":
    unittest.main()
