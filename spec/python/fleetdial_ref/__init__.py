"""A reference implementation of the fleetdial protocol, levels L1 to L3.

The package follows docs/protocol.md and uses only the standard library of Python 3.9.
Comments name the rules of that page (V3, F5 …).
"""

from .announcement import Announcement, parse_announcement
from .decide import Decision, Instance, Request, bucket, decide
from .errors import Rejected
from .follower import Follower
from .reader import Applied, read_value
from .signature import TrustedKeys
from .tokens import read_token
from .value import Directive, Instances, Revision, decode_revision

__all__ = [
    "Announcement",
    "Applied",
    "Decision",
    "Directive",
    "Follower",
    "Instance",
    "Instances",
    "Rejected",
    "Request",
    "Revision",
    "TrustedKeys",
    "bucket",
    "decide",
    "decode_revision",
    "parse_announcement",
    "read_token",
    "read_value",
]
