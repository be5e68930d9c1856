"""The conformance driver of spec/README.md: one JSON object per line, one answer per line."""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Dict, Optional

from .announcement import parse_announcement
from .decide import bucket, decide_at
from .errors import Rejected
from .follower import Follower
from .limit import TokenBucket
from .objects import (
    decision_object,
    directive_object,
    parse_instance,
    parse_request,
    revision_object,
)
from .reader import Applied, read_value
from .signature import TrustedKeys
from .tokens import DEFAULT_MAX_TTL_MS, read_token

PROTOCOL = 1
NAME = "fleetdial_ref (Python)"
LEVELS = ["L1", "L2", "L3", "K"]


class Driver:
    """A program under test. It follows one fleet at a time."""

    def __init__(self) -> None:
        self._follower: Optional[Follower] = None
        self._operations = {
            "hello": self._hello,
            "decode": self._decode,
            "bucket": self._bucket,
            "decide": self._decide,
            "limit": self._limit,
            "announcement": self._announcement,
            "token": self._token,
            "follow": self._follow,
            "state": self._state,
            "stop": self._stop,
        }

    def answer(self, line: bytes) -> Dict[str, Any]:
        """Answer one request."""
        try:
            request = json.loads(line.decode("utf-8"))
            operation = self._operations.get(request["op"])
            if operation is None:
                return {"error": f"answer {request['op']!r}: unknown operation"}
            return operation(request)
        except Exception as error:  # the driver answers every line
            return {"error": f"{type(error).__name__}: {error}"}

    def close(self) -> None:
        """End the subscriber, if there is one."""
        if self._follower:
            self._follower.stop()
            self._follower = None

    def _hello(self, request):
        if request.get("protocol") != PROTOCOL:
            return {"error": f"hello: protocol is not known ({PROTOCOL} is accepted)"}
        return {"name": NAME, "levels": LEVELS}

    def _decode(self, request):
        value = bytes.fromhex(request["value_hex"])
        newest = request.get("applied")
        try:
            revision = read_value(
                value.ljust(request.get("pad_to", 0), b"\0"),
                _trusted(request),
                request.get("redis_key", ""),
                Applied(newest["version"], newest["id"]) if newest else None,
            )
        except Rejected as error:
            return {"accept": False, "reason": error.reason, "message": str(error)}
        return {"accept": True, "revision": revision_object(revision)}

    def _bucket(self, request):
        return {"bucket": bucket(bytes.fromhex(request["text_hex"]))}

    def _decide(self, request):
        revision = read_value(bytes.fromhex(request["value_hex"]))
        instance = parse_instance(request.get("instance"))
        decisions = [
            decide_at(revision.directives, parse_request(one), instance, request["now"])
            for one in request["requests"]
        ]
        return {"decisions": [decision_object(decision) for decision in decisions]}

    def _limit(self, request):
        limit = TokenBucket(request["max_per_second"])
        return {"applied": [limit.take(round(at * 1000)) for at in request["arrivals_ms"]]}

    def _announcement(self, request):
        found = parse_announcement(bytes.fromhex(request["payload_hex"]))
        if found is None:
            return {"announcement": None}
        return {"announcement": {"version": found.version, "id": found.id}}

    def _token(self, request):
        try:
            directive = read_token(
                bytes.fromhex(request["key_hex"]),
                request["token"],
                request["now"],
                request.get("max_ttl_ms", DEFAULT_MAX_TTL_MS),
            )
        except Rejected as error:
            return {"accept": False, "reason": error.reason, "message": str(error)}
        return {"accept": True, "directive": directive_object(directive)}

    def _follow(self, request):
        self.close()
        follower = Follower(
            request["redis"],
            request.get("fleet", "default"),
            [bytes.fromhex(key) for key in request.get("keys_hex") or []],
            parse_instance(request.get("instance")),
            request["resync_ms"] / 1000,
            request["timeout_ms"] / 1000,
        )
        follower.start()
        self._follower = follower
        return {"following": True}

    def _state(self, request):
        if self._follower is None:
            return {"error": "state: no subscriber (send follow first)"}
        requests = [parse_request(one) for one in request.get("requests") or []]
        revision, decisions = self._follower.decide(requests)
        return {
            "state": self._follower.state(),
            "version": revision.version,
            "id": revision.id,
            "decisions": [decision_object(decision) for decision in decisions],
        }

    def _stop(self, request):
        self.close()
        return {"stopped": True}


def _trusted(request) -> TrustedKeys:
    return TrustedKeys(bytes.fromhex(key) for key in request.get("keys_hex") or [])


def run(source: BinaryIO, target: BinaryIO) -> None:
    """Answer the requests of source until it ends."""
    driver = Driver()
    try:
        for line in source:
            if line.strip():
                target.write(json.dumps(driver.answer(line)).encode("ascii") + b"\n")
                target.flush()
    finally:
        driver.close()
