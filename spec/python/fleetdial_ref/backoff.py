"""The waits between attempts to connect: rule F10."""

from __future__ import annotations

import random

FIRST = 0.05
LAST = 2.0


class Backoff:
    """Waits that grow from 50 ms to 2 s, with jitter."""

    def __init__(self) -> None:
        self._failures = 0

    def reset(self) -> None:
        """Begin again with the first wait, because an attempt succeeded."""
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after a failed attempt."""
        longest = min(LAST, FIRST * 2 ** min(self._failures, 10))
        self._failures += 1
        return max(FIRST, longest * random.uniform(0.5, 1.0))
