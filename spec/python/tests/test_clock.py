import unittest

from fleetdial_ref import Directive, Revision
from fleetdial_ref.clock import SECOND, Clock
from fleetdial_ref.force import Deadlines, SetInForce, shorten
from fleetdial_ref.limit import Limits

NOON = 1_790_000_000 * SECOND
HOUR = 3600 * SECOND
SENT = 5_000 * SECOND


class ClockTest(unittest.TestCase):
    def setUp(self):
        self.clock = Clock()

    def read(self, shown, at, trip=1000):
        return self.clock.read(shown, at, at + trip)

    def apply(self, deadlines=None, id="r"):
        directive = Directive("a", "Shape", 1000, (NOON + 600 * SECOND) // 1000, False, False)
        revision = Revision(1, id, directives=(directive,))
        given = (deadlines or Deadlines()).give(revision, self.clock)
        return SetInForce(revision, b"", given, Limits(()))

    def test_first_reading_counts_once_a_second_agrees(self):
        self.assertFalse(self.read(NOON, SENT))
        self.assertFalse(self.read(NOON + HOUR, SENT))
        self.assertIsNone(self.clock.offset)
        self.assertTrue(self.read(NOON + HOUR + 1, SENT))
        self.assertEqual(self.clock.offset, NOON + HOUR + 1 - SENT)

    def test_clock_that_is_set_back_extends_nothing(self):
        self.read(NOON, SENT)
        self.read(NOON, SENT)
        in_force = self.apply()
        self.assertEqual(in_force.deadlines["a"], 5_600 * SECOND)
        self.assertFalse(self.read(NOON - HOUR, SENT))
        self.assertTrue(self.read(NOON - HOUR, SENT))
        shorten(in_force, self.clock)
        self.assertEqual(in_force.deadlines["a"], 5_600 * SECOND)
        self.assertEqual(self.apply(id="s").deadlines["a"], 9_200 * SECOND)

    def test_clock_that_is_set_forward_shortens(self):
        self.read(NOON, SENT)
        self.read(NOON, SENT)
        in_force = self.apply()
        self.read(NOON + HOUR, SENT)
        self.assertTrue(self.read(NOON + HOUR, SENT))
        shorten(in_force, self.clock)
        self.assertEqual(in_force.deadlines["a"], 2_000 * SECOND)

    def test_revision_that_comes_back_gets_no_more_time(self):
        deadlines = Deadlines()
        self.read(NOON, SENT)
        self.read(NOON, SENT)
        self.apply(deadlines)
        self.read(NOON - HOUR, SENT)
        self.read(NOON - HOUR, SENT)
        self.assertEqual(self.apply(deadlines).deadlines["a"], 5_600 * SECOND)

    def test_own_clock_neither_confirms_nor_refutes(self):
        self.assertTrue(self.clock.read_own(NOON, SENT))
        self.assertFalse(self.read(NOON, SENT))
        self.assertTrue(self.read(NOON, SENT))
        self.clock.read_own(NOON + HOUR, SENT)
        self.assertEqual(self.clock.offset, NOON - SENT)

    def test_absurd_year_is_no_reading(self):
        self.assertTrue(self.read(0, SENT))
        self.assertNotEqual(self.clock.offset, -SENT)


if __name__ == "__main__":
    unittest.main()
