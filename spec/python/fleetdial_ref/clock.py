"""The clock of Redis: rules T2 to T6. All times are in microseconds."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Optional

SECOND = 1_000_000
_TOLERANCE = 100_000
_YEAR_2000 = int(datetime(2000, 1, 1, tzinfo=timezone.utc).timestamp()) * SECOND
_YEAR_2262 = int(datetime(2262, 1, 1, tzinfo=timezone.utc).timestamp()) * SECOND


def monotonic() -> int:
    """Return a monotonic time. On Linux it counts the time of a suspension too (T6)."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    if boot_time is not None:
        return time.clock_gettime_ns(boot_time) // 1000
    return time.monotonic_ns() // 1000


def wall() -> int:
    """Return the Unix time of the machine."""
    return time.time_ns() // 1000


class Clock:
    """What is known of the clock of Redis.

    offset is how far the clock of Redis is ahead of the monotonic clock. It is None until
    a reading counts.
    """

    def __init__(self) -> None:
        self.offset: Optional[int] = None
        self._is_own = False
        self._unconfirmed: Optional[int] = None

    def read(self, shown: int, sent_at: int, received_at: int) -> bool:
        """Take a reading of TIME, and report whether it counts (T3).

        The answer stands for the time at which the command was sent, so that a directive
        ends early by a round trip at most (T2).
        """
        if not _YEAR_2000 <= shown < _YEAR_2262:
            return self.read_own(wall(), sent_at)
        offset = shown - sent_at
        slack = _TOLERANCE + received_at - sent_at
        expected = None if self._is_own else self.offset
        for other in (expected, self._unconfirmed):
            if other is not None and abs(offset - other) <= slack:
                self.offset, self._is_own, self._unconfirmed = offset, False, None
                return True
        self._unconfirmed = offset
        return False

    def read_own(self, shown: int, read_at: int) -> bool:
        """Take the machine's own clock, because TIME is denied or absurd (T5).

        The machine's own clock does not replace a reading of TIME that counts, because it
        does not refute one.
        """
        if self.offset is None or self._is_own:
            self.offset, self._is_own = shown - read_at, True
        return True

    def deadline(self, expires_at_ms: int) -> int:
        """Return the monotonic time at which the clock of Redis shows expires_at."""
        if self.offset is None:
            raise ValueError("no reading of the clock counts yet")
        return expires_at_ms * 1000 - self.offset
