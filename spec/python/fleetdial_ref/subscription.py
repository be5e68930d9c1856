"""The subscription to the channel: rules F1 and F10."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional

from .backoff import Backoff
from .resp import Address, Connection, Oversize, ProtocolError, ReplyError


class Subscription(threading.Thread):
    """A thread that subscribes to a channel, and subscribes again when that ends.

    on_confirmed is called after each confirmation, on_message with each message, and
    on_lost when a subscription has ended.
    """

    def __init__(
        self,
        address: Address,
        channel: str,
        timeout: float,
        limit: int,
        on_confirmed: Callable[[], None],
        on_message: Callable[[bytes], None],
        on_lost: Callable[[], None],
    ):
        super().__init__(name="fleetdial-subscription", daemon=True)
        self._address = address
        self._channel = channel
        self._timeout = timeout
        self._limit = limit
        self._on_confirmed = on_confirmed
        self._on_message = on_message
        self._on_lost = on_lost
        self._stopped = threading.Event()
        self._connection: Optional[Connection] = None

    def run(self) -> None:
        backoff = Backoff()
        while not self._stopped.is_set():
            confirmed = False
            try:
                self._connection = Connection(self._address, self._timeout, self._limit)
                self._subscribe(self._connection)
                confirmed = True
                backoff.reset()
                self._on_confirmed()
                self._listen(self._connection)
            except (OSError, ReplyError):
                pass
            if self._connection:
                self._connection.close()
                self._connection = None
            if confirmed:
                self._on_lost()
            self._stopped.wait(backoff.next())

    def replace(self) -> None:
        """Replace the connection by a new one."""
        connection = self._connection
        if connection:
            connection.interrupt()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self.replace()
        self.join()

    def _subscribe(self, connection: Connection) -> None:
        reply = connection.call("SUBSCRIBE", self._channel)
        if not isinstance(reply, list) or reply[:1] != [b"subscribe"]:
            raise ProtocolError("subscribe: the reply is not a confirmation")

    def _listen(self, connection: Connection) -> None:
        """Read messages until the connection ends or the server is silent (F10)."""
        pinged = False
        while not self._stopped.is_set():
            quiet = time.monotonic() - connection.heard_at
            if quiet >= self._timeout:
                raise ProtocolError("listen: the server is silent")
            if not pinged and quiet >= self._timeout / 3:
                connection.send("PING")
                pinged = True
            wait = self._timeout - quiet if pinged else self._timeout / 3 - quiet
            if not connection.wait(wait):
                continue
            reply = connection.read()
            pinged = False
            if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
                payload = reply[2]
                # A message beyond the limit is any other message (A2).
                self._on_message(b"" if isinstance(payload, Oversize) else payload)
