"""The acceptance of a value, in the order of its checks: V1, V13, G5, V2 to V11, G6."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from .errors import REPLAYED, TOO_LARGE, Rejected
from .msgpack import Reader
from .signature import TrustedKeys, skip_signature
from .value import MAX_BYTES, Revision, decode_revision


@dataclass(frozen=True)
class Applied:
    """The newest signed revision that was applied before (G6)."""

    version: int
    id: str


def read_value(
    value: bytes,
    trusted: Optional[TrustedKeys] = None,
    redis_key: str = "",
    newest: Optional[Applied] = None,
) -> Revision:
    """Return the revision that the value holds, or raise Rejected.

    Without trusted keys, nothing is verified, and newest is not used.
    """
    if len(value) > MAX_BYTES:  # V1
        raise Rejected(TOO_LARGE, f"read the value: more than {MAX_BYTES} bytes")
    signed_by = None
    if trusted:
        signed_by = trusted.check(value, redis_key)  # G5: before the revision is decoded
    if not value:  # V13
        return Revision()
    reader = Reader(value)
    revision = decode_revision(reader)
    try:
        skip_signature(reader)  # V2, G7
    except Rejected as error:
        error.version, error.id = revision.version, revision.id
        raise
    if not trusted:
        return revision
    if newest and revision.version <= newest.version and revision.id != newest.id:  # G6
        raise Rejected(
            REPLAYED,
            f"read the value: version {revision.version} is not above {newest.version}",
            revision.version,
            revision.id,
        )
    return replace(revision, signed_by=signed_by)
