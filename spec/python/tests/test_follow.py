import json
import time
import unittest

from fleetdial_ref import Follower, Instance, Request, ed25519
from fleetdial_ref.value import MAX_BYTES

from .encode import directive, pack, revision, sign
from .redis_server import RedisServer, eventually

KEY = "fleetdial:{default}"
SEED = b"\x01" * 32


def now_ms():
    return time.time_ns() // 1_000_000


def set_of(version, *directives, ttl_ms=600_000, **changes):
    expiring = [dict(one, expires_at=now_ms() + ttl_ms) for one in directives]
    return pack(revision(*expiring, id="%032x" % version, version=version, **changes))


class FollowTest(unittest.TestCase):
    def setUp(self):
        self.server = RedisServer()
        self.addCleanup(self.server.close)

    def follow(self, **options):
        options = {"resync": 1.0, "timeout": 1.0, **options}
        follower = Follower(self.server.url, **options)
        follower.start()
        self.addCleanup(follower.stop)
        return follower

    def publish(self, value, version):
        self.server.call("SET", KEY, value)
        self.server.call("PUBLISH", KEY, json.dumps({"version": version, "id": "%032x" % version}))

    def expect(self, follower, state, version):
        def holds():
            return (follower.state(), follower.revision().version) == (state, version)

        eventually(self, holds, f"{state} {version}, but {follower.state()} {follower.revision()}")

    def level(self, follower):
        return follower.decide([Request()])[1][0].level

    def test_announced_revision(self):
        follower = self.follow(resync=1000.0)
        self.expect(follower, "missing", 0)
        self.publish(set_of(1, directive()), 1)
        self.expect(follower, "live", 1)
        self.assertEqual(self.level(follower), "Shape")
        self.server.call("SET", KEY, set_of(2, directive()))
        self.server.call("PUBLISH", KEY, "any other message")
        self.expect(follower, "live", 2)

    def test_resync_finds_a_revision_without_announcement(self):
        follower = self.follow()
        self.expect(follower, "missing", 0)
        self.server.call("SET", KEY, set_of(7, directive()))
        self.expect(follower, "live", 7)
        self.server.call("SET", KEY, set_of(5, directive()))
        self.expect(follower, "live", 5)

    def test_rejected_missing_and_other_types_keep_the_set(self):
        follower = self.follow()
        self.server.call("SET", KEY, set_of(1, directive()))
        self.expect(follower, "live", 1)
        self.server.call("SET", KEY, b"\xc1")
        self.expect(follower, "rejected", 1)
        self.server.call("DEL", KEY)
        self.expect(follower, "missing", 1)
        self.server.call("LPUSH", KEY, "x")
        self.expect(follower, "rejected", 1)
        self.server.call("DEL", KEY)
        self.server.call("SET", KEY, bytes(MAX_BYTES + 2))
        self.expect(follower, "rejected", 1)
        self.assertEqual(self.level(follower), "Shape")
        self.server.call("SET", KEY, b"")
        self.expect(follower, "empty", 0)
        self.assertEqual(self.level(follower), "Off")

    def test_directive_ends_while_redis_is_gone(self):
        follower = self.follow()
        self.publish(set_of(1, directive(), ttl_ms=2500), 1)
        self.expect(follower, "live", 1)
        self.server.kill()
        self.assertEqual(self.level(follower), "Shape")
        self.expect(follower, "stale", 1)
        eventually(self, lambda: self.level(follower) == "Off", "the directive ends")
        self.server.start()
        self.expect(follower, "live", 1)
        self.assertEqual(self.level(follower), "Off")

    def test_silent_server(self):
        follower = self.follow()
        self.publish(set_of(1, directive()), 1)
        self.expect(follower, "live", 1)
        self.server.pause()
        self.expect(follower, "stale", 1)
        self.server.resume()
        self.expect(follower, "live", 1)

    def test_dropped_connections(self):
        follower = self.follow(resync=1000.0)
        self.publish(set_of(1, directive()), 1)
        self.expect(follower, "live", 1)
        self.server.call("SET", KEY, set_of(2, directive()))
        self.server.drop_connections()
        self.expect(follower, "live", 2)

    def test_altered_value_gets_no_more_time(self):
        follower = self.follow()
        self.server.call("SET", KEY, set_of(1, directive(), ttl_ms=1500))
        self.expect(follower, "live", 1)
        self.server.call("SET", KEY, set_of(1, directive(capture=True), ttl_ms=600_000))
        eventually(self, lambda: follower.revision().directives[0].capture, "the value is applied")
        eventually(self, lambda: self.level(follower) == "Off", "the directive ends")

    def test_signed_fleet(self):
        follower = self.follow(public_keys=[ed25519.public_key_of(SEED)])
        self.server.call("SET", KEY, set_of(1, directive()))
        self.expect(follower, "rejected", 0)
        signed = sign(SEED, KEY, set_of(5, directive()))
        self.server.call("SET", KEY, signed)
        self.expect(follower, "live", 5)
        self.server.call("SET", KEY, sign(SEED, KEY, set_of(4, directive())))
        self.expect(follower, "rejected", 5)
        self.server.call("SET", KEY, sign(SEED, "fleetdial:{other}", set_of(6, directive())))
        self.expect(follower, "rejected", 5)
        self.server.call("SET", KEY, signed)
        self.expect(follower, "live", 5)

    def test_instances_and_limits(self):
        follower = self.follow(instance=Instance("web-1", {"zone": "eu"}))
        one = directive(instances={"names": ["web-1"]}, max_per_second=1)
        other = directive(id="b", level="ShapeTiming", instances={"labels": {"zone": "us"}})
        self.publish(set_of(1, one, other), 1)
        self.expect(follower, "live", 1)
        levels = [one.level for one in follower.decide([Request()] * 3)[1]]
        self.assertEqual(levels, ["Shape", "Off", "Off"])

    def test_long_message_is_a_request_to_fetch(self):
        follower = self.follow(resync=1000.0)
        self.expect(follower, "missing", 0)
        self.server.call("SET", KEY, set_of(1, directive()))
        self.server.call("PUBLISH", KEY, bytes(3 * MAX_BYTES))
        self.expect(follower, "live", 1)

    def test_denied_clock(self):
        user = ("reader", "on", ">secret", "~*", "&*", "+@all", "-time")
        self.server.call("ACL", "SETUSER", *user)
        self.server.call("SET", KEY, set_of(1, directive()))
        follower = Follower(self.server.url.replace("//", "//reader:secret@"), timeout=1.0)
        follower.start()
        self.addCleanup(follower.stop)
        self.expect(follower, "live", 1)
        self.assertEqual(self.level(follower), "Shape")


if __name__ == "__main__":
    unittest.main()
