"""The set in force, with the deadlines of its directives: rules T1, T4, C2 and F12."""

from __future__ import annotations

from collections import OrderedDict
from typing import Dict, Optional

from .clock import Clock, monotonic
from .decide import Decision, Instance, Request, decide
from .limit import Limits
from .value import Revision

_REMEMBERED = 64


class SetInForce:
    """A set that decides requests. Deadlines are monotonic times by directive id."""

    def __init__(
        self, revision: Revision, value: bytes, deadlines: Dict[str, int], limits: Limits
    ):
        self.revision = revision
        self.value = value
        self.deadlines = deadlines
        self.limits = limits

    def decide(self, request: Request, instance: Optional[Instance]) -> Decision:
        """Decide a request now."""
        now = monotonic()
        return decide(
            self.revision.directives,
            request,
            instance,
            lambda directive: self.deadlines[directive.id] <= now,
            lambda directive: self.limits.take(directive, now),
        )


class Deadlines:
    """The deadlines that a subscriber first gave (T4).

    The subscriber remembers the deadlines of the last revisions, so that a revision that
    comes back does not get more time.
    """

    def __init__(self) -> None:
        self._by_revision: "OrderedDict[str, Dict[str, int]]" = OrderedDict()

    def give(self, revision: Revision, clock: Clock) -> Dict[str, int]:
        """Return the deadlines of the directives of a revision that is applied now."""
        known = self._by_revision.pop(revision.id, {})
        given = {}
        for directive in revision.directives:
            deadline = clock.deadline(directive.expires_at)
            given[directive.id] = min(deadline, known.get(directive.id, deadline))
        self._by_revision[revision.id] = given
        while len(self._by_revision) > _REMEMBERED:
            self._by_revision.popitem(last=False)
        return given


def shorten(in_force: SetInForce, clock: Clock) -> None:
    """Shorten the deadlines of the set in force by a reading that counts.

    A reading by which more time is left changes nothing here (T4).
    """
    for directive in in_force.revision.directives:
        deadline = clock.deadline(directive.expires_at)
        if deadline < in_force.deadlines[directive.id]:
            in_force.deadlines[directive.id] = deadline
