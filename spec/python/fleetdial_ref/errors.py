"""The error of a rejected value, with the reasons of R5."""

from __future__ import annotations

from typing import Optional

TOO_LARGE = "too_large"
WRONG_TYPE = "wrong_type"
MALFORMED = "malformed"
INVALID = "invalid"
UNSIGNED = "unsigned"
UNKNOWN_KEY = "unknown_key"
ALTERED = "altered"
REPLAYED = "replayed"


class Rejected(Exception):
    """A value, a signature or a token that a rule rejects.

    version and id name the revision if the reader can still tell them (V10).
    """

    def __init__(
        self,
        reason: str,
        message: str,
        version: Optional[int] = None,
        id: Optional[str] = None,
    ):
        super().__init__(message)
        self.reason = reason
        self.version = version
        self.id = id


def malformed(message: str) -> Rejected:
    """Return the error of bytes that are not of the required form."""
    return Rejected(MALFORMED, message)


def invalid(message: str) -> Rejected:
    """Return the error of an item that is not within its bounds."""
    return Rejected(INVALID, message)
