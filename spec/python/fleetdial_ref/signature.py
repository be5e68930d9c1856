"""The signature of a value: rules G1 to G5 and G7."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Dict, Iterable, Optional, Tuple

from . import ed25519
from .errors import ALTERED, UNKNOWN_KEY, UNSIGNED, Rejected, malformed
from .msgpack import Reader

# The canonical bytes of the signature map (G4).
_CANONICAL = re.compile(
    rb"\x82\xa3key\xb0([0-9a-f]{16})\xa9signature\xd9\x80([0-9a-f]{128})", re.DOTALL
)


@dataclass(frozen=True)
class Signature:
    """The id of the public key, and the 64 bytes of the signature (G1)."""

    key: str
    signature: bytes


def key_id(public_key: bytes) -> str:
    """Return the id of a public key (G2)."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def parse_signature(raw: bytes) -> Signature:
    """Parse the signature map. Bytes that are not canonical are rejected (G4)."""
    found = _CANONICAL.fullmatch(raw)
    if not found:
        raise Rejected(ALTERED, "read the signature: not the 162 canonical bytes")
    return Signature(found[1].decode("ascii"), bytes.fromhex(found[2].decode("ascii")))


def split(value: bytes) -> Tuple[bytes, Optional[Signature]]:
    """Split a value into the bytes of its revision and its signature, without decoding."""
    reader = Reader(value)
    reader.skip_map()
    revision, rest = value[: reader.position], value[reader.position :]
    return revision, parse_signature(rest) if rest else None


def skip_signature(reader: Reader) -> None:
    """Skip the second map of a value without reading its content (G7)."""
    if reader.left():
        reader.skip_map()
    if reader.left():
        raise malformed("read the value: there are bytes after the second map")


class TrustedKeys:
    """The public keys whose signatures a subscriber accepts."""

    def __init__(self, public_keys: Iterable[bytes]):
        self._keys: Dict[str, bytes] = {}
        for public_key in public_keys:
            if not ed25519.is_public_key(public_key):
                raise ValueError(
                    f"trust key {public_key.hex()}: not an Ed25519 public key (32 bytes, "
                    "canonical, not of a small order)"
                )
            self._keys[key_id(public_key)] = public_key

    def __bool__(self) -> bool:
        return bool(self._keys)

    def check(self, value: bytes, redis_key: str) -> str:
        """Check the signature of a value, and return the id of its key (G3, G5)."""
        if not value:
            raise Rejected(UNSIGNED, "check the signature: the empty value has none")
        revision, signature = split(value)
        if signature is None:
            raise Rejected(UNSIGNED, "check the signature: the value has none")
        public_key = self._keys.get(signature.key)
        if public_key is None:
            raise Rejected(
                UNKNOWN_KEY, f"check the signature: the key {signature.key} is not trusted"
            )
        signed = redis_key.encode("utf-8") + b"\n" + revision
        if not ed25519.verify(public_key, signed, signature.signature):
            raise Rejected(ALTERED, "check the signature: it does not verify")
        return signature.key
