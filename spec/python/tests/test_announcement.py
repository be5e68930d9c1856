import unittest

from fleetdial_ref import Announcement, parse_announcement
from fleetdial_ref.schedule import ASKED, MESSAGE, RESYNC, Schedule


class AnnouncementTest(unittest.TestCase):
    def test_announcements(self):
        self.assertEqual(parse_announcement(b'{"version":42,"id":"a"}'), Announcement(42, "a"))
        self.assertEqual(
            parse_announcement(b'{"x":1,"id":"a","version":1,"spread_ms":9}'),
            Announcement(1, "a", 9),
        )

    def test_other_messages(self):
        for payload in (
            b"", b"x", b"[]", b"{}", b'{"version":1}', b'{"version":"1","id":"a"}',
            b'{"version":0,"id":"a"}', b'{"version":1,"id":""}',
            b'{"version":1.5,"id":"a"}', b'{"version":true,"id":"a"}', b"[" * 100_000,
            b'{"version":1,"id":"a","spread_ms":"1"}', b'{"version":1,"id":"\xff"}',
        ):
            self.assertIsNone(parse_announcement(payload), payload[:40])


class ScheduleTest(unittest.TestCase):
    def test_messages_are_bounded(self):
        schedule = Schedule(1000, 0)
        self.assertEqual(schedule.begin(0), RESYNC)
        schedule.finish(RESYNC, False, None, None, 0)
        fetches = 0
        for step in range(100):
            now = step / 100
            schedule.hear(None, [], now)
            cause = schedule.begin(now)
            if cause:
                fetches += 1
                schedule.finish(cause, False, None, None, now)
        self.assertIn(fetches, (9, 10))

    def test_known_announcement_is_ignored(self):
        schedule = Schedule(1000, 0)
        schedule.begin(0)
        schedule.hear(Announcement(1, "a"), ["a"], 1)
        self.assertIsNone(schedule.begin(1))

    def test_announced_revision_that_is_late_is_fetched_again(self):
        schedule = Schedule(1000, 0)
        schedule.begin(0)
        schedule.hear(Announcement(2, "b"), ["a"], 1)
        waits, now = [], 1.0
        while schedule.due() < 100:
            waits.append(schedule.due() - now)
            now = schedule.due()
            cause = schedule.begin(now)
            if cause:
                schedule.finish(cause, False, 1, "a", now)
        self.assertEqual(len(waits), 7)
        self.assertAlmostEqual(waits[1], 0.005, 6)
        self.assertAlmostEqual(waits[6], 0.5, 6)

    def test_spread_has_an_upper_bound(self):
        schedule = Schedule(1000, 0)
        schedule.begin(0)
        schedule.hear(Announcement(2, "b", 10**30), [], 1)
        self.assertLessEqual(schedule.due(), 2)

    def test_resync_without_announcement_replaces_the_subscription(self):
        schedule = Schedule(1, 0)
        self.assertEqual(schedule.begin(0), RESYNC)
        self.assertTrue(schedule.finish(RESYNC, True, 1, "a", 0))
        schedule.ask(0.1)
        self.assertEqual(schedule.begin(0.1), ASKED)
        self.assertFalse(schedule.finish(ASKED, True, 2, "b", 0.1))
        schedule.hear(Announcement(3, "c"), [], 0.2)
        self.assertEqual(schedule.begin(0.2), MESSAGE)
        self.assertFalse(schedule.finish(MESSAGE, True, 3, "c", 0.2))


if __name__ == "__main__":
    unittest.main()
