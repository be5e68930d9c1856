"""The token buckets of max_per_second: rules C1 and C2."""

from __future__ import annotations

import threading
from typing import Dict, Iterable, Optional

from .value import Directive

SECOND = 1_000_000  # microseconds


class TokenBucket:
    """A bucket that gains tokens evenly (C1).

    The bucket counts millionths of a token, so that integers are exact: within one
    microsecond it gains as many millionths as max_per_second.
    """

    def __init__(self, max_per_second: int):
        self.max_per_second = max_per_second
        self._millionths = SECOND  # one token at first
        self._filled_at: Optional[int] = None
        self._lock = threading.Lock()

    def take(self, now: int) -> bool:
        """Take a token at a monotonic time in microseconds, and report whether it had one."""
        with self._lock:
            # The bucket begins to gain tokens at the first request.
            if self._filled_at is not None and now > self._filled_at:
                gained = (now - self._filled_at) * self.max_per_second
                self._millionths = min(self._millionths + gained, self.max_per_second * SECOND)
            if self._filled_at is None or now > self._filled_at:
                self._filled_at = now
            if self._millionths < SECOND:
                return False
            self._millionths -= SECOND
            return True

    def with_rate(self, max_per_second: int) -> "TokenBucket":
        """Return this bucket, with another rate. Its tokens stay, up to the new number."""
        with self._lock:
            self.max_per_second = max_per_second
            self._millionths = min(self._millionths, max_per_second * SECOND)
        return self


def bucket_key(directive: Directive):
    """Return the key that a bucket belongs to: the directive's id and match (C2)."""
    return (
        directive.id,
        directive.tenant,
        directive.index,
        directive.principal,
        directive.endpoint,
    )


class Limits:
    """The buckets of the directives of a set.

    Buckets of a previous set whose directives stay are kept (C2).
    """

    def __init__(self, directives: Iterable[Directive], previous: Optional["Limits"] = None):
        self._buckets: Dict[tuple, TokenBucket] = {}
        for directive in directives:
            rate = directive.max_per_second
            if rate is None:
                continue
            key = bucket_key(directive)
            kept = previous._buckets.get(key) if previous else None
            self._buckets[key] = kept.with_rate(rate) if kept else TokenBucket(rate)

    def take(self, directive: Directive, now: int) -> bool:
        """Take a token for the directive. A directive without a limit always has one."""
        if directive.max_per_second is None:
            return True
        return self._buckets[bucket_key(directive)].take(now)
