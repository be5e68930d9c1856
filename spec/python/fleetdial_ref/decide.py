"""Decisions on requests: rules M, S, I, C and T1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, Optional

from .value import ENDPOINTS, LEVELS, Directive

MAX_LABELS = 16


@dataclass(frozen=True)
class Request:
    """A request. A field may be empty. The fields are bytes, because M2 compares bytes."""

    tenant: bytes = b""
    index: bytes = b""
    principal: bytes = b""
    endpoint: str = "Unknown"
    id: bytes = b""


@dataclass(frozen=True)
class Instance:
    """An instance with a name and labels. An empty name stands for a program without a name."""

    name: str = ""
    labels: Dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """A decision on a request. by is None if the level is Off."""

    level: str = "Off"
    ring_buffer: bool = False
    capture: bool = False
    by: Optional[str] = None


def fnv1a(text: bytes) -> int:
    """Return the 64-bit FNV-1a hash of text (S1)."""
    hash = 14695981039346656037
    for byte in text:
        hash = (hash ^ byte) * 1099511628211 % 2**64
    return hash


def bucket(text: bytes) -> int:
    """Return the bucket of text, 0 to 999 (S1)."""
    return fnv1a(text) % 1000


def matches(directive: Directive, request: Request) -> bool:
    """Report whether the fields of the directive match the request (M1 to M3)."""
    for text, found in (
        (directive.tenant, request.tenant),
        (directive.index, request.index),
        (directive.principal, request.principal),
    ):
        # A field that is set has at least one byte, so it differs from an empty one (M2).
        if text is not None and text.encode("utf-8") != found:
            return False
    endpoint = request.endpoint if request.endpoint in ENDPOINTS else "Unknown"
    return directive.endpoint is None or directive.endpoint == endpoint


def includes(directive: Directive, request: Request) -> bool:
    """Report whether the sample of the directive includes the request (S2)."""
    return bucket(request.id) < directive.sample_per_mille


def concerns(directive: Directive, instance: Optional[Instance]) -> bool:
    """Report whether the directive concerns the instance (I1 to I5)."""
    selection = directive.instances
    if selection is None:
        return True
    if instance is None or not (instance.name or instance.labels):
        return False
    if selection.names is not None and instance.name not in selection.names:
        return False
    if selection.labels is not None:
        for name, value in selection.labels.items():
            if instance.labels.get(name) != value:
                return False
    if selection.per_mille is not None:
        # The protocol gives an instance without a name no bucket. It is not selected.
        if not instance.name or bucket(instance.name.encode("utf-8")) >= selection.per_mille:
            return False
    return True


def decide(
    directives: Iterable[Directive],
    request: Request,
    instance: Optional[Instance],
    has_ended: Callable[[Directive], bool],
    take_token: Callable[[Directive], bool] = lambda directive: True,
) -> Decision:
    """Decide a request (M4 to M7).

    has_ended tells whether a directive has ended (T1). take_token takes a token of the
    limit of a directive, and reports whether the limit had one (C1). The limit comes last,
    because only a request that the rest of M4 holds for takes a token.
    """
    level, by, ring_buffer, capture = 0, None, False, False
    for directive in directives:
        if not (
            matches(directive, request)
            and includes(directive, request)
            and not has_ended(directive)
            and concerns(directive, instance)
            and take_token(directive)
        ):
            continue
        ring_buffer = ring_buffer or directive.ring_buffer
        capture = capture or directive.capture
        # A later directive of the same level does not replace the first one (M6).
        if LEVELS.index(directive.level) > level:
            level, by = LEVELS.index(directive.level), directive.id
    return Decision(LEVELS[level], ring_buffer, capture, by)


def decide_at(
    directives: Iterable[Directive],
    request: Request,
    instance: Optional[Instance],
    now: int,
) -> Decision:
    """Decide a request at a time in Unix ms, without any limit (T1)."""
    return decide(directives, request, instance, lambda directive: directive.expires_at <= now)
