"""The revision, as the value holds it: rules V3 to V12."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from .errors import INVALID, Rejected, invalid
from .msgpack import Reader

MAX_FORMAT = 2
MAX_BYTES = 4_194_304
MAX_TIME = 99_999_999_999_999
MAX_VERSION = 99_999_999_999_999
MAX_DIRECTIVES = 10_000

LEVELS = ("Off", "Shape", "ShapeTiming", "ShapeRewriteDiff")
ENDPOINTS = (
    "IngestDoc",
    "IngestBulk",
    "Search",
    "MultiSearch",
    "Count",
    "GetById",
    "MultiGet",
    "DeleteById",
    "DeleteByQuery",
    "Cursor",
    "Admin",
    "Unknown",
)
REQUIRED = (
    "id",
    "level",
    "sample_per_mille",
    "expires_at",
    "ring_buffer",
    "capture",
)
OPTIONAL = (
    "tenant",
    "index",
    "principal",
    "endpoint",
    "instances",
    "max_per_second",
)
REVISION_KEYS = (
    "format",
    "id",
    "version",
    "published_at",
    "publisher",
    "reason",
    "directives",
)
_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class Instances:
    """The selection of instances. A key that is not set is None."""

    names: Optional[Tuple[str, ...]] = None
    labels: Optional[Dict[str, str]] = None
    per_mille: Optional[int] = None


@dataclass(frozen=True)
class Directive:
    """A directive of a set. A key that is not set is None."""

    id: str
    level: str
    sample_per_mille: int
    expires_at: int
    ring_buffer: bool
    capture: bool
    tenant: Optional[str] = None
    index: Optional[str] = None
    principal: Optional[str] = None
    endpoint: Optional[str] = None
    instances: Optional[Instances] = None
    max_per_second: Optional[int] = None


@dataclass(frozen=True)
class Revision:
    """A revision of a set. The default is the empty set (V13)."""

    version: int = 0
    id: str = ""
    published_at: Optional[int] = None
    publisher: Optional[str] = None
    reason: Optional[str] = None
    directives: Tuple[Directive, ...] = ()
    signed_by: Optional[str] = None


def is_instance_name(text: str) -> bool:
    """Report whether text is 1 to 128 bytes of ASCII from ! to ~."""
    return _NAME.fullmatch(text) is not None


def decode_revision(reader: Reader) -> Revision:
    """Read the revision map. The reader then stands after the map."""
    count = reader.map("the revision", 1, 2**32)
    _expect_key(reader, "format")
    format = reader.integer("format", -(2**63), 2**64)
    if not 1 <= format <= MAX_FORMAT:
        raise _unknown_format(reader, format)
    if count != len(REVISION_KEYS):
        raise invalid(f"read the revision: {count} keys ({len(REVISION_KEYS)} are accepted)")
    _expect_key(reader, "id")
    id = _read_id(reader)
    _expect_key(reader, "version")
    version = reader.integer("version", 1, MAX_VERSION)
    try:
        return _decode_rest(reader, format, id, version)
    except Rejected as error:
        error.version, error.id = version, id
        raise


def _decode_rest(reader: Reader, format: int, id: str, version: int) -> Revision:
    _expect_key(reader, "published_at")
    published_at = reader.integer("published_at", 1, MAX_TIME)
    _expect_key(reader, "publisher")
    publisher = reader.string("publisher", 0, 256)
    _expect_key(reader, "reason")
    reason = reader.string("reason", 0, 1024)
    _expect_key(reader, "directives")
    directives = []
    ids = set()
    for number in range(reader.array("directives", 0, MAX_DIRECTIVES)):
        directive = _read_directive(reader, f"directives[{number}]", format)
        if directive.id in ids:  # V8
            raise invalid(f"read directives[{number}]: the id {directive.id!r} is repeated")
        ids.add(directive.id)
        directives.append(directive)
    return Revision(version, id, published_at, publisher, reason, tuple(directives))


def _unknown_format(reader: Reader, format: int) -> Rejected:
    """Return the error of a format, with the version and the id if they can be read (V10)."""
    error = Rejected(
        INVALID, f"read format: {format} is not known ({MAX_FORMAT} is the highest that is read)"
    )
    try:
        _expect_key(reader, "id")
        id = _read_id(reader)
        _expect_key(reader, "version")
        error.version, error.id = reader.integer("version", 1, MAX_VERSION), id
    except Rejected:
        pass
    return error


def _read_id(reader: Reader) -> str:
    id = reader.string("id", 32, 32)
    if not _ID.fullmatch(id):
        raise invalid("read id: not 32 hex digits in lower case")
    return id


def _expect_key(reader: Reader, key: str) -> None:
    """Read the next key, which has to be this one (V5)."""
    found = reader.string("a key", 0, 256)
    if found != key:
        raise invalid(f"read the revision: key {found!r} in the place of {key!r}")


def _keys(reader: Reader, name: str, count: int, accepted):
    """Yield the keys of a map. Unknown and repeated keys are rejected (V6)."""
    seen = set()
    for _ in range(count):
        key = reader.string(f"a key of {name}", 0, 256)
        if key not in accepted:
            raise invalid(f"read {name}: unknown key {key!r}")
        if key in seen:
            raise invalid(f"read {name}: repeated key {key!r}")
        seen.add(key)
        yield key


def _read_directive(reader: Reader, name: str, format: int) -> Directive:
    fields = {}
    count = reader.map(name, 0, len(REQUIRED) + len(OPTIONAL))
    for key in _keys(reader, name, count, REQUIRED + OPTIONAL):
        if format == 1 and key in ("instances", "max_per_second"):  # V11
            raise invalid(f"read {name}: {key} needs format 2")
        fields[key] = _read_field(reader, f"{name}.{key}", key)
    for key in REQUIRED:
        if key not in fields:
            raise invalid(f"read {name}: {key} is missing")
    return Directive(**fields)


def _read_field(reader: Reader, name: str, key: str):
    if key == "id":
        return reader.string(name, 1, 128)
    if key in ("ring_buffer", "capture"):
        return reader.boolean(name)
    if key == "sample_per_mille":
        return reader.integer(name, 0, 1000)
    if key == "expires_at":
        return reader.integer(name, 1, MAX_TIME)
    if key == "max_per_second":
        return reader.integer(name, 1, 1_000_000)
    if key == "instances":
        return _read_instances(reader, name)
    text = reader.string(name, 1, 256)
    words = {"level": LEVELS, "endpoint": ENDPOINTS}.get(key)
    if words and text not in words:  # V9
        raise invalid(f"read {name}: unknown word {text!r} ({', '.join(words)} are accepted)")
    return text


def _read_instances(reader: Reader, name: str) -> Instances:
    fields = {}
    count = reader.map(name, 1, 3)
    for key in _keys(reader, name, count, ("names", "labels", "per_mille")):
        if key == "names":
            fields[key] = _read_names(reader, f"{name}.names")
        elif key == "labels":
            fields[key] = _read_labels(reader, f"{name}.labels")
        else:
            fields[key] = reader.integer(f"{name}.per_mille", 0, 1000)
    return Instances(**fields)


def _read_names(reader: Reader, name: str) -> Tuple[str, ...]:
    names = []
    for _ in range(reader.array(name, 1, 100)):
        text = reader.string(name, 1, 128)
        if not is_instance_name(text):
            raise invalid(f"read {name}: {text!r} is not ASCII from ! to ~")
        if text in names:
            raise invalid(f"read {name}: {text!r} is repeated")
        names.append(text)
    return tuple(names)


def _read_labels(reader: Reader, name: str) -> Dict[str, str]:
    labels = {}
    for _ in range(reader.map(name, 1, 16)):
        label = reader.string(name, 1, 64)
        if label in labels:
            raise invalid(f"read {name}: {label!r} is repeated")
        labels[label] = reader.string(f"{name}[{label!r}]", 1, 256)
    return labels
