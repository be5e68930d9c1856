"""The commands of the package: follow and driver."""

from __future__ import annotations

import argparse
import json
import sys
import threading

from . import driver
from .decide import Instance
from .errors import Rejected
from .follower import Follower
from .objects import revision_object
from .value import Revision


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fleetdial_ref", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("driver", help="answer the conformance driver's requests")
    follow = commands.add_parser("follow", help="print each set as it is applied")
    follow.add_argument("url", metavar="redis://HOST:PORT", help="address of Redis")
    follow.add_argument("--fleet", default="default", help="name of the fleet (default: default)")
    follow.add_argument(
        "--verify-key",
        metavar="HEX",
        action="append",
        default=[],
        type=bytes.fromhex,
        help="trusted Ed25519 public key, in 64 hex digits (may be repeated)",
    )
    follow.add_argument("--name", default="", help="name of the instance (default: none)")
    return parser.parse_args()


def _print_revision(revision: Revision) -> None:
    print(json.dumps(revision_object(revision)), flush=True)


def _print_rejection(error: Rejected) -> None:
    print(f"value rejected reason={error.reason} error={str(error)!r}", file=sys.stderr, flush=True)


def _follow(arguments: argparse.Namespace) -> int:
    try:
        follower = Follower(
            arguments.url,
            arguments.fleet,
            arguments.verify_key,
            Instance(arguments.name) if arguments.name else None,
            on_apply=_print_revision,
            on_reject=_print_rejection,
        )
    except ValueError as error:
        print(f"fleetdial_ref: {error}", file=sys.stderr)
        return 2
    follower.start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    follower.stop()
    return 0


def main() -> int:
    """Run the command of the arguments, and return the exit status."""
    arguments = _arguments()
    if arguments.command == "driver":
        driver.run(sys.stdin.buffer, sys.stdout.buffer)
        return 0
    return _follow(arguments)


if __name__ == "__main__":
    sys.exit(main())
