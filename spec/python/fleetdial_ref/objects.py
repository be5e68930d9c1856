"""The JSON objects of the test vectors: directives, requests, decisions and instances."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .decide import Decision, Instance, Request
from .value import OPTIONAL, REQUIRED, Directive, Revision


def directive_object(directive: Directive) -> Dict[str, Any]:
    """Return the object of a directive. Keys that are not set are missing."""
    found = {key: getattr(directive, key) for key in REQUIRED}
    for key in OPTIONAL:
        value = getattr(directive, key)
        if key == "instances" and value is not None:
            value = {
                name: list(part) if name == "names" else part
                for name, part in vars(value).items()
                if part is not None
            }
        if value is not None:
            found[key] = value
    return found


def revision_object(revision: Revision) -> Dict[str, Any]:
    """Return the object of a revision. The empty set has neither an author nor a time."""
    found: Dict[str, Any] = {"version": revision.version, "id": revision.id}
    for key in ("published_at", "publisher", "reason"):
        if getattr(revision, key) is not None:
            found[key] = getattr(revision, key)
    found["directives"] = [directive_object(directive) for directive in revision.directives]
    if revision.signed_by is not None:
        found["signed_by"] = revision.signed_by
    return found


def decision_object(decision: Decision) -> Dict[str, Any]:
    """Return the object of a decision. by is missing if the level is Off."""
    found: Dict[str, Any] = {
        "level": decision.level,
        "ring_buffer": decision.ring_buffer,
        "capture": decision.capture,
    }
    if decision.by is not None:
        found["by"] = decision.by
    return found


def parse_request(found: Dict[str, Any]) -> Request:
    """Return the request of an object. A missing field is empty."""

    def text(key: str) -> bytes:
        # JSON can write half of a surrogate pair. It matches nothing, because the
        # strings of directives are valid UTF-8.
        return found.get(key, "").encode("utf-8", "surrogatepass")

    return Request(
        text("tenant"),
        text("index"),
        text("principal"),
        found.get("endpoint", "Unknown"),
        text("id"),
    )


def parse_instance(found: Optional[Dict[str, Any]]) -> Optional[Instance]:
    """Return the instance of an object. None stands for a program without a name."""
    if found is None:
        return None
    return Instance(found.get("name", ""), dict(found.get("labels") or {}))
