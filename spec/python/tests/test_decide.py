import unittest

from fleetdial_ref import Decision, Directive, Instance, Instances, Request, bucket
from fleetdial_ref.decide import decide_at, fnv1a
from fleetdial_ref.limit import Limits, TokenBucket

ALL = dict(level="Shape", sample_per_mille=1000, expires_at=2000, ring_buffer=False, capture=False)


def one(id="a", **changes):
    return Directive(id=id, **{**ALL, **changes})


class DecideTest(unittest.TestCase):
    def level(self, directive, instance=None, now=1000, **request):
        return decide_at([directive], Request(**request), instance, now).level

    def test_buckets_of_the_protocol(self):
        for text, hash, number in (
            (b"", 0xCBF29CE484222325, 37),
            (b"a", 0xAF63DC4C8601EC8C, 996),
            (b"foobar", 0x85944171F73967E8, 968),
            (b"req-1", 0xFDDBEEF2B6CE4891, 97),
        ):
            self.assertEqual((fnv1a(text), bucket(text)), (hash, number))

    def test_fields(self):
        self.assertEqual(self.level(one(tenant="t"), tenant=b"t"), "Shape")
        self.assertEqual(self.level(one(tenant="t"), tenant=b"T"), "Off")
        self.assertEqual(self.level(one(tenant="t")), "Off")
        self.assertEqual(self.level(one(), tenant=b"\xff"), "Shape")
        self.assertEqual(self.level(one(endpoint="Search"), endpoint="Search"), "Shape")
        self.assertEqual(self.level(one(endpoint="Search")), "Off")
        self.assertEqual(self.level(one(endpoint="Unknown"), endpoint="Any"), "Shape")

    def test_sample_and_end(self):
        self.assertEqual(self.level(one(sample_per_mille=97), id=b"req-1"), "Off")
        self.assertEqual(self.level(one(sample_per_mille=98), id=b"req-1"), "Shape")
        self.assertEqual(self.level(one(), now=1999), "Shape")
        self.assertEqual(self.level(one(), now=2000), "Off")

    def test_level_author_and_flags(self):
        found = decide_at(
            [
                one("off", level="Off", capture=True),
                one("low", ring_buffer=True),
                one("first", level="ShapeTiming"),
                one("second", level="ShapeTiming"),
            ],
            Request(),
            None,
            0,
        )
        self.assertEqual(found, Decision("ShapeTiming", True, True, "first"))
        off = decide_at([one(level="Off", capture=True)], Request(), None, 0)
        self.assertEqual(off, Decision("Off", False, True, None))

    def test_instances(self):
        web = Instance("req-1", {"zone": "eu"})
        for selection, found in (
            (Instances(names=("req-1", "b")), "Shape"),
            (Instances(names=("b",)), "Off"),
            (Instances(labels={"zone": "eu"}), "Shape"),
            (Instances(labels={"zone": "us"}), "Off"),
            (Instances(labels={"zone": "eu", "a": "b"}), "Off"),
            (Instances(per_mille=98), "Shape"),
            (Instances(per_mille=97), "Off"),
            (Instances(names=("req-1",), per_mille=0), "Off"),
        ):
            self.assertEqual(self.level(one(instances=selection), web), found)
        for nobody in (None, Instance()):
            self.assertEqual(self.level(one(instances=Instances(per_mille=1000)), nobody), "Off")

    def test_limit(self):
        limit = TokenBucket(2)
        taken = [limit.take(at) for at in (0, 0, 499_999, 500_000, 9_000_000, 9_000_000, 9_000_000)]
        self.assertEqual(taken, [True, False, False, True, True, True, False])

    def test_limit_stays_with_the_same_directive(self):
        limited = one(max_per_second=1)
        first = Limits([limited])
        self.assertTrue(first.take(limited, 0))
        later = one(max_per_second=1, expires_at=3000)
        self.assertFalse(Limits([later], first).take(later, 1))
        moved = one(max_per_second=1, tenant="t")
        self.assertTrue(Limits([moved], first).take(moved, 1))


if __name__ == "__main__":
    unittest.main()
