"""A subscriber that follows a fleet on Redis: rules A, F and T, and G for signed fleets."""

from __future__ import annotations

import re
import socket
import threading
import time
from typing import Callable, Iterable, List, Optional, Tuple

from .announcement import parse_announcement
from .backoff import Backoff
from .clock import SECOND, Clock, monotonic, wall
from .decide import MAX_LABELS, Decision, Instance, Request
from .errors import TOO_LARGE, WRONG_TYPE, Rejected
from .force import Deadlines, SetInForce, shorten
from .limit import Limits
from .reader import Applied, read_value
from .resp import Address, Connection, Oversize, ProtocolError, ReplyError
from .schedule import Schedule
from .signature import TrustedKeys
from .subscription import Subscription
from .value import MAX_BYTES, Revision, is_instance_name

LIVE = "live"
STALE = "stale"
MISSING = "missing"
REJECTED = "rejected"
EMPTY = "empty"

_FLEET = re.compile(r"[A-Za-z0-9._-]{1,64}")
_READINGS = 5


def redis_key(fleet: str) -> str:
    """Return the name of the key and of the channel of a fleet."""
    if not _FLEET.fullmatch(fleet):
        raise ValueError(f"follow fleet {fleet!r}: not 1 to 64 of A-Z a-z 0-9 . _ -")
    return "fleetdial:{%s}" % fleet


class Follower:
    """A subscriber. Its set in force decides requests without a command to Redis.

    on_apply is called with each revision that is applied, and on_reject with each value
    that is rejected.
    """

    def __init__(
        self,
        url: str,
        fleet: str = "default",
        public_keys: Iterable[bytes] = (),
        instance: Optional[Instance] = None,
        resync: float = 30.0,
        timeout: float = 3.0,
        on_apply: Callable[[Revision], None] = lambda revision: None,
        on_reject: Callable[[Rejected], None] = lambda error: None,
    ):
        if instance and instance.name and not is_instance_name(instance.name):
            raise ValueError(f"follow as {instance.name!r}: not 1 to 128 of ASCII from ! to ~")
        if instance and len(instance.labels) > MAX_LABELS:
            raise ValueError(f"follow as {instance.name!r}: more than {MAX_LABELS} labels")
        self._address = Address.parse(url)
        self._key = redis_key(fleet)
        self._trusted = TrustedKeys(public_keys)
        self._instance = instance
        self._timeout = timeout
        self._on_apply = on_apply
        self._on_reject = on_reject
        self._clock = Clock()
        self._deadlines = Deadlines()
        self._in_force: Optional[SetInForce] = None
        self._newest: Optional[Applied] = None
        self._rejected: Optional[Tuple[Optional[bytes], Rejected]] = None
        self._key_state = STALE
        self._is_failing = True
        self._lost_at: Optional[float] = time.monotonic()
        self._connection: Optional[Connection] = None
        self._backoff = Backoff()
        self._wake = threading.Condition()
        self._is_stopped = False
        self._schedule = Schedule(resync, time.monotonic())
        self._worker = threading.Thread(target=self._work, name="fleetdial-fetch", daemon=True)
        self._subscription = Subscription(
            self._address,
            self._key,
            timeout,
            MAX_BYTES,
            self._confirmed,
            self._message,
            self._lost,
        )

    def start(self) -> None:
        """Start to follow."""
        self._worker.start()
        self._subscription.start()

    def stop(self) -> None:
        """End. The set in force stays usable."""
        with self._wake:
            self._is_stopped = True
            self._wake.notify()
        self._subscription.stop()
        connection = self._connection
        if connection:
            connection.interrupt()
        self._worker.join()

    def revision(self) -> Revision:
        """Return the revision in force. Before the first one it is the empty set."""
        in_force = self._in_force
        return in_force.revision if in_force else Revision()

    def decide(self, requests: Iterable[Request]) -> Tuple[Revision, List[Decision]]:
        """Decide requests now. All of them are decided by the same set (F12)."""
        in_force = self._in_force
        if in_force is None:
            return Revision(), [Decision() for _ in requests]
        decisions = [in_force.decide(request, self._instance) for request in requests]
        return in_force.revision, decisions

    def state(self) -> str:
        """Return the state: live, stale, missing, rejected or empty."""
        with self._wake:
            lost_at = self._lost_at
            is_lost = lost_at is not None and time.monotonic() - lost_at > self._timeout
            return STALE if self._is_failing or is_lost else self._key_state

    # The callbacks of the subscription.

    def _confirmed(self) -> None:
        with self._wake:
            self._lost_at = None
            self._schedule.ask(time.monotonic())  # F1
            self._wake.notify()

    def _lost(self) -> None:
        with self._wake:
            self._lost_at = time.monotonic()
            # The fetch tells whether Redis can be reached.
            self._schedule.ask(time.monotonic())
            self._wake.notify()

    def _message(self, payload: bytes) -> None:
        announcement = parse_announcement(payload)
        with self._wake:
            known = []
            if self._rejected:
                known.append(self._rejected[1].id)
            elif self._in_force:
                known.append(self._in_force.revision.id)
            self._schedule.hear(announcement, known, time.monotonic())
            self._wake.notify()

    # The thread that fetches.

    def _work(self) -> None:
        while True:
            with self._wake:
                cause = None
                while cause is None:
                    if self._is_stopped:
                        break
                    self._wake.wait(max(0.0, self._schedule.due() - time.monotonic()))
                    cause = self._schedule.begin(time.monotonic())
            if cause is None:
                break
            self._fetch(cause)
        self._disconnect()

    def _fetch(self, cause: str) -> None:
        try:
            is_new, version, id = self._fetch_again_if_dropped()
        except (OSError, ReplyError):
            self._disconnect()
            with self._wake:
                self._is_failing = True
                self._schedule.fail(self._backoff.next(), time.monotonic())
            return
        self._backoff.reset()
        with self._wake:
            self._is_failing = False
            missed = self._schedule.finish(cause, is_new, version, id, time.monotonic())
        if missed:  # F11
            self._subscription.replace()

    def _fetch_again_if_dropped(self):
        """Fetch, and fetch again if a connection from before turns out to be closed."""
        is_old = self._connection is not None
        try:
            return self._fetch_once()
        except OSError as error:
            if not is_old or isinstance(error, socket.timeout) or self._is_stopped:
                raise
        self._disconnect()
        return self._fetch_once()

    def _fetch_once(self) -> Tuple[bool, Optional[int], Optional[str]]:
        connection = self._connection
        if connection is None:
            connection = Connection(self._address, self._timeout, MAX_BYTES + 1)
            self._connection = connection
        self._read_clock(connection)
        try:
            value = self._read_key(connection)
        except ReplyError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            wrong = Rejected(WRONG_TYPE, "fetch the key: it holds another type (a string is read)")
            return self._reject(None, wrong)  # F8
        if value is None:  # F8
            with self._wake:
                self._key_state, self._rejected = MISSING, None
            return False, None, None
        return self._consider(value)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _read_clock(self, connection: Connection) -> None:
        """Read TIME until a reading counts (T2, T3)."""
        for _ in range(_READINGS):
            sent_at = monotonic()
            try:
                reply = connection.call("TIME")
            except ReplyError:
                counts = self._clock.read_own(wall(), sent_at)  # T5
            else:
                shown = _parse_time(reply)
                counts = self._clock.read(shown, sent_at, monotonic())
            if counts:
                if self._in_force:
                    shorten(self._in_force, self._clock)
                return
        if self._clock.offset is None:
            raise ProtocolError("read the clock of Redis: no two readings agree")

    def _read_key(self, connection: Connection) -> Optional[bytes]:
        """Read the key, up to one byte more than the limit (F3). None is a missing key."""
        value = connection.call("GETRANGE", self._key, "0", str(MAX_BYTES))
        if value == b"":
            # GETRANGE answers a missing key and an empty value in the same way.
            value = connection.call("GET", self._key)
        if isinstance(value, Oversize):
            return bytes(MAX_BYTES + 1)
        if value is not None and not isinstance(value, bytes):
            raise ProtocolError("fetch the key: the reply is not a string")
        return value

    def _consider(self, value: bytes) -> Tuple[bool, Optional[int], Optional[str]]:
        """Apply or reject a value. An altered value under the same id is applied too (F5)."""
        in_force = self._in_force
        if in_force and value == in_force.value:
            with self._wake:
                self._key_state, self._rejected = _state_of(in_force.revision), None
            return False, in_force.revision.version, in_force.revision.id
        if self._rejected and value == self._rejected[0]:
            error = self._rejected[1]
            return False, error.version, error.id
        try:
            revision = read_value(value, self._trusted, self._key, self._newest)
        except Rejected as error:
            return self._reject(value, error)
        limits = Limits(revision.directives, in_force.limits if in_force else None)
        deadlines = self._deadlines.give(revision, self._clock)
        with self._wake:
            self._in_force = SetInForce(revision, value, deadlines, limits)  # F12
            self._key_state, self._rejected = _state_of(revision), None
        if self._trusted and (not self._newest or revision.version >= self._newest.version):
            self._newest = Applied(revision.version, revision.id)
        self._on_apply(revision)
        return True, revision.version, revision.id

    def _reject(self, value: Optional[bytes], error: Rejected):
        """Reject a value. The set in force stays (F7)."""
        if error.reason == TOO_LARGE:
            value = None  # only a prefix of the value is known
        last = self._rejected
        is_new = last is None or (last[0], last[1].reason) != (value, error.reason)
        with self._wake:
            self._key_state, self._rejected = REJECTED, (value, error)
        if is_new:
            self._on_reject(error)
        return is_new, error.version, error.id


def _state_of(revision: Revision) -> str:
    # Only the value of no bytes has version 0 (V13). A revision without directives is live.
    return LIVE if revision.version else EMPTY


def _parse_time(reply) -> int:
    if not isinstance(reply, list) or len(reply) != 2:
        raise ProtocolError("read the clock of Redis: the reply is not a time")
    try:
        return int(reply[0]) * SECOND + int(reply[1])
    except (TypeError, ValueError):
        raise ProtocolError("read the clock of Redis: the reply is not a time") from None
