"""Announcements on the channel: rules A1 to A3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional

from .value import MAX_VERSION

MAX_SPREAD_MS = 1_000


@dataclass(frozen=True)
class Announcement:
    """The hint that the key holds a revision (A1)."""

    version: int
    id: str
    spread_ms: Optional[int] = None
    report_ms: Optional[int] = None


def parse_announcement(payload: bytes) -> Optional[Announcement]:
    """Parse a message. None stands for any other message, a request to fetch (A2)."""
    try:
        # json.loads guesses other encodings if it reads bytes.
        message = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    version, id = message.get("version"), message.get("id")
    waits = [message[key] for key in ("spread_ms", "report_ms") if key in message]
    if not isinstance(id, str) or not all(type(number) is int for number in [version] + waits):
        return None
    if not id or not 1 <= version <= MAX_VERSION:
        return None
    return Announcement(version, id, message.get("spread_ms"), message.get("report_ms"))
