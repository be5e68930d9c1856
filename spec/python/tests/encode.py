"""An encoder of values for the tests. It writes any keys, types and widths."""

from __future__ import annotations

import struct
from typing import Any, Dict

from fleetdial_ref import ed25519
from fleetdial_ref.signature import key_id

ID = "0a" * 16


class Raw(bytes):
    """Bytes of msgpack that pack writes as they are."""


def pack(item: Any) -> bytes:
    """Encode an item. A list of pairs in a tuple is a map whose keys may be repeated."""
    if isinstance(item, Raw):
        return bytes(item)
    if item is None:
        return b"\xc0"
    if isinstance(item, bool):
        return b"\xc3" if item else b"\xc2"
    if isinstance(item, int):
        return _pack_integer(item)
    if isinstance(item, float):
        return b"\xcb" + struct.pack(">d", item)
    if isinstance(item, bytes):
        return b"\xc4" + bytes([len(item)]) + item
    if isinstance(item, str):
        raw = item.encode("utf-8")
        if len(raw) < 32:
            return bytes([0xA0 | len(raw)]) + raw
        return b"\xda" + struct.pack(">H", len(raw)) + raw
    if isinstance(item, list):
        return b"\xdc" + struct.pack(">H", len(item)) + b"".join(map(pack, item))
    pairs = list(item.items()) if isinstance(item, dict) else list(item)
    return b"\xde" + struct.pack(">H", len(pairs)) + b"".join(pack(k) + pack(v) for k, v in pairs)


def _pack_integer(number: int) -> bytes:
    if 0 <= number < 128:
        return bytes([number])
    if number < 0:
        return b"\xd3" + struct.pack(">q", number)
    return b"\xcf" + struct.pack(">Q", number)


def directive(**changes: Any) -> Dict[str, Any]:
    """Return a directive. A change to None removes a key."""
    found = {
        "id": "a",
        "level": "Shape",
        "sample_per_mille": 1000,
        "expires_at": 1790000493840,
        "ring_buffer": False,
        "capture": False,
    }
    found.update(changes)
    return {key: value for key, value in found.items() if value is not None}


def revision(*directives: Any, **changes: Any) -> Dict[str, Any]:
    """Return a revision. A change to None removes a key."""
    found = {
        "format": 2,
        "id": ID,
        "version": 42,
        "published_at": 1790000000000,
        "publisher": "ana",
        "reason": "",
        "directives": list(directives),
    }
    found.update(changes)
    return {key: value for key, value in found.items() if value is not None}


def sign(seed: bytes, redis_key: str, raw: bytes) -> bytes:
    """Return a signed value (G3, G4)."""
    signature = ed25519.sign(seed, redis_key.encode() + b"\n" + raw)
    key = key_id(ed25519.public_key_of(seed)).encode()
    return raw + b"\x82\xa3key\xb0" + key + b"\xa9signature\xd9\x80" + signature.hex().encode()
