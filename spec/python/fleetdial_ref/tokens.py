"""Tokens, which ask for a decision on one request: rules K1 to K5 and B3."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Dict

from .errors import INVALID, MALFORMED, Rejected
from .value import ENDPOINTS, LEVELS, Directive

KEY = "key"
FORGED = "forged"
MAX_TOKEN = 4_096
MIN_KEY = 16
DEFAULT_MAX_TTL_MS = 86_400_000
DIRECTIVE_ID = "x-debug-header"

_FORM = re.compile(r"((?:[0-9a-fA-F]{2})*)\.((?:[0-9a-fA-F]{2})*)")
_DIGITS = re.compile(r"[0-9]+")
_DEFAULTS = {"sample_per_mille": 1000, "ring_buffer": False, "capture": False}


class _Number(str):
    """A number of the payload, as it is written."""


def read_token(
    key: bytes, token: str, now: int, max_ttl_ms: int = DEFAULT_MAX_TTL_MS
) -> Directive:
    """Return the directive of a token at a time in Unix ms, or raise Rejected."""
    if len(key) < MIN_KEY:  # K1
        raise Rejected(KEY, f"read the token: the key has less than {MIN_KEY} bytes")
    form = _FORM.fullmatch(token)
    if len(token) > MAX_TOKEN or not form:
        raise Rejected(MALFORMED, f"read the token: not hex.hex of at most {MAX_TOKEN} bytes")
    payload, mac = bytes.fromhex(form[1]), bytes.fromhex(form[2])
    if not hmac.compare_digest(hmac.new(key, payload, hashlib.sha256).digest(), mac):
        raise Rejected(FORGED, "read the token: the mac is of another key or payload")  # K3
    fields = _read_payload(payload)
    expires_at = _integer(fields, "exp", 0, 2**63) * 1000
    if expires_at <= now:  # K4
        raise _invalid("exp", "has passed")
    if expires_at - now > max_ttl_ms:
        raise _invalid("exp", f"is more than {max_ttl_ms} ms away")
    del fields["exp"]
    return Directive(id=DIRECTIVE_ID, expires_at=expires_at, **fields)


def _read_payload(payload: bytes) -> Dict:
    try:
        pairs = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=lambda pairs: pairs,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
        )
    except (ValueError, RecursionError):
        raise Rejected(INVALID, "read the payload: not JSON") from None
    # A list of pairs stands for an object. Only an object has tuples in it, and an empty
    # object lacks the level in any case.
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise Rejected(INVALID, "read the payload: not a JSON object")
    fields = dict(_DEFAULTS)
    seen = set()
    for name, value in pairs:
        if name in seen:
            raise _invalid(name, "is repeated")
        seen.add(name)
        fields[name] = value
    for name in ("level", "exp"):
        if name not in seen:
            raise _invalid(name, "is missing")
    for name in sorted(seen):
        _check(fields, name)
    return fields


def _check(fields: Dict, name: str) -> None:
    """Check one key of the payload (K2, B3)."""
    value = fields[name]
    if name == "exp":
        return  # read_token checks it
    if name == "sample_per_mille":
        fields[name] = _integer(fields, name, 0, 1000)
    elif name in ("ring_buffer", "capture"):
        if not isinstance(value, bool):
            raise _invalid(name, "is not a boolean")
    elif name in ("level", "endpoint"):
        if type(value) is not str or value not in (LEVELS if name == "level" else ENDPOINTS):
            raise _invalid(name, "is not one of the accepted words")
    elif name in ("tenant", "index", "principal"):
        if type(value) is not str:
            raise _invalid(name, "is not a string")
        try:
            length = len(value.encode("utf-8"))
        except UnicodeEncodeError:
            raise _invalid(name, "is not valid UTF-8") from None
        if not 1 <= length <= 256:
            raise _invalid(name, "is not 1 to 256 bytes")
    else:
        raise _invalid(name, "is not known")


def _integer(fields: Dict, name: str, low: int, high: int) -> int:
    """Return an integer, which has digits only (B3)."""
    value = fields[name]
    if not isinstance(value, _Number) or not _DIGITS.fullmatch(value) or len(value) > 19:
        raise _invalid(name, "is not an integer of digits only")
    if not low <= int(value) <= high:
        raise _invalid(name, f"is out of bounds ({low} to {high})")
    return int(value)


def _invalid(name: str, problem: str) -> Rejected:
    return Rejected(INVALID, f"read the payload: {name} {problem}")
