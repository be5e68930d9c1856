"""The times at which a subscriber fetches: rules A3 to A6, F2 and F11."""

from __future__ import annotations

import random
from collections import deque
from typing import Deque, Iterable, Optional

from .announcement import MAX_SPREAD_MS, Announcement

RESYNC = "resync"
MESSAGE = "message"
ASKED = "asked"

_BURST = 5.0
_PER_SECOND = 5.0
_RETRIES = 6
_FIRST_RETRY = 0.005
_LAST_RETRY = 0.5


class Schedule:
    """The next fetch and its cause. All times are those of time.monotonic.

    The caller holds a lock.
    """

    def __init__(self, resync: float, now: float):
        self._resync = resync
        self._resync_at = now
        self._asked_at: Optional[float] = None
        self._cause = ASKED
        self._announced: Optional[Announcement] = None
        self._retries = 0
        self._heard: Deque[str] = deque(maxlen=64)
        self._heard_other = False
        self._tokens = _BURST
        self._filled_at = now

    def due(self) -> float:
        """Return the time of the next fetch."""
        return self._resync_at if self._asked_at is None else min(self._asked_at, self._resync_at)

    def ask(self, now: float) -> None:
        """Ask for a fetch that no message causes."""
        self._asked_at, self._cause = now, ASKED

    def hear(self, announcement: Optional[Announcement], known: Iterable[str], now: float) -> None:
        """Take a message. known lists the ids that were applied or rejected last (A5)."""
        wait = 0.0
        if announcement is None:
            self._heard_other = True
        else:
            self._heard.append(announcement.id)
            if announcement.id in known:
                return
            self._announced, self._retries = announcement, 0
            spread = min(max(announcement.spread_ms or 0, 0), MAX_SPREAD_MS)  # A3
            wait = random.random() * spread / 1000
        self._ask_by_message(now + wait)

    def begin(self, now: float) -> Optional[str]:
        """Begin the fetch that is due, and return its cause.

        None says that the fetch of a message has to wait for a token (A4).
        """
        if self._asked_at is not None and self._asked_at <= now:
            if self._cause == MESSAGE and not self._take_token(now):
                self._asked_at = now + (1 - self._tokens) / _PER_SECOND
                return None
            self._asked_at = None
            return self._cause
        if self._resync_at <= now:
            self._plan_resync(now)
            return RESYNC
        return None

    def finish(
        self, cause: str, is_new: bool, version: Optional[int], id: Optional[str], now: float
    ) -> bool:
        """Finish a fetch, and report whether the subscription may lose messages (F11).

        version and id are those of the value of the key, also of a rejected one.
        """
        missed = cause == RESYNC and is_new and not self._heard_other and id not in self._heard
        self._heard_other = False
        if cause == MESSAGE and is_new:
            # A fetch that finds something new does not count against the bound (A4).
            self._tokens = min(_BURST, self._tokens + 1)
        announced = self._announced
        if announced is None:
            return missed
        is_newer = version is not None and version > announced.version
        if id == announced.id or is_newer or self._retries == _RETRIES:
            self._announced = None
        else:  # A6
            growth = (_LAST_RETRY / _FIRST_RETRY) ** (1 / (_RETRIES - 1))
            self._ask_by_message(now + _FIRST_RETRY * growth**self._retries)
            self._retries += 1
        return missed

    def fail(self, wait: float, now: float) -> None:
        """Plan another fetch after one that failed."""
        self._resync_at = min(self._resync_at, now + wait)

    def _plan_resync(self, now: float) -> None:
        self._resync_at = now + self._resync * (1 - random.random() / 5)  # F2

    def _ask_by_message(self, at: float) -> None:
        if self._asked_at is None:
            self._asked_at, self._cause = at, MESSAGE
        else:
            self._asked_at = min(self._asked_at, at)

    def _take_token(self, now: float) -> bool:
        self._tokens = min(_BURST, self._tokens + (now - self._filled_at) * _PER_SECOND)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
