"""A small client of Redis that speaks RESP2."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import List, Optional, Union
from urllib.parse import unquote, urlsplit

_MAX_LINE = 65_536
_MAX_DEPTH = 8
_CHUNK = 65_536


class ReplyError(Exception):
    """An error that Redis replied."""


class ProtocolError(OSError):
    """Bytes that are not RESP2. The connection cannot be used any more."""


@dataclass(frozen=True)
class Oversize:
    """A string that is longer than the limit. Its bytes were skipped."""

    length: int


Reply = Union[bytes, str, int, None, Oversize, ReplyError, List]


@dataclass(frozen=True)
class Address:
    """The address of a Redis server."""

    host: str
    port: int = 6379
    user: Optional[str] = None
    password: Optional[str] = None
    database: int = 0

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Parse redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]."""
        parts = urlsplit(url)
        if parts.scheme != "redis" or not parts.hostname:
            raise ValueError(f"parse address {url!r}: not redis://HOST:PORT")
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        database = parts.path.strip("/") or "0"
        if not database.isdigit():
            raise ValueError(f"parse address {url!r}: the database is not a number")
        return cls(parts.hostname, parts.port or 6379, user, password, int(database))


class Connection:
    """A connection to Redis. A read fails if no byte comes within the timeout.

    heard_at is the time.monotonic of the last bytes that came.
    """

    def __init__(self, address: Address, timeout: float, limit: int):
        self._timeout = timeout
        self._limit = limit
        self._buffer = bytearray()
        self._socket = socket.create_connection((address.host, address.port), timeout)
        self._socket.settimeout(timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard_at = time.monotonic()
        try:
            self._sign_in(address)
        except ReplyError as error:
            self.close()
            raise ProtocolError(f"sign in to Redis: {error}") from None
        except BaseException:
            self.close()
            raise

    def _sign_in(self, address: Address) -> None:
        if address.password is not None:
            names = [address.user] if address.user else []
            self.call("AUTH", *names, address.password)
        if address.database:
            self.call("SELECT", str(address.database))

    def call(self, *words: Union[str, bytes]) -> Reply:
        """Send a command and return its reply. An error reply raises ReplyError."""
        self.send(*words)
        reply = self.read()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def send(self, *words: Union[str, bytes]) -> None:
        """Send a command without reading its reply."""
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            raw = word.encode("utf-8") if isinstance(word, str) else word
            parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
        self._socket.sendall(b"".join(parts))

    def wait(self, seconds: float) -> bool:
        """Wait for bytes of a reply, and report whether there are any."""
        if self._buffer:
            return True
        # A timeout of 0 stands for a socket that does not block.
        self._socket.settimeout(max(0.001, seconds))
        try:
            self._receive()
        except socket.timeout:
            return False
        finally:
            self._socket.settimeout(self._timeout)
        return True

    def read(self, depth: int = 0) -> Reply:
        """Read one reply. An error is returned, and not raised."""
        line = self._read_line()
        kind, text = line[:1], line[1:]
        if kind == b"+":
            return text.decode("utf-8", "replace")
        if kind == b"-":
            return ReplyError(text.decode("utf-8", "replace"))
        count = self._parse_count(line)
        if kind == b":":
            return count
        if kind == b"$":
            return self._read_string(count)
        if kind == b"*" and depth < _MAX_DEPTH:
            return None if count < 0 else [self.read(depth + 1) for _ in range(count)]
        raise ProtocolError(f"read from Redis: not a reply of RESP2: {line[:32]!r}")

    def interrupt(self) -> None:
        """End the connection from another thread. A read of its own thread then fails."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """Close the connection. Only the thread that reads may close it."""
        self._socket.close()

    def _read_string(self, count: int) -> Reply:
        if count < 0:
            return None
        if count <= self._limit:
            text = self._take(count)
        else:
            text = Oversize(count)
            self._skip(count)
        if self._take(2) != b"\r\n":
            raise ProtocolError("read from Redis: a string without its end")
        return text

    @staticmethod
    def _parse_count(line: bytes) -> int:
        try:
            return int(line[1:])
        except ValueError:
            raise ProtocolError(f"read from Redis: not a number: {line[:32]!r}") from None

    def _receive(self) -> None:
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ProtocolError("read from Redis: the server closed the connection")
        self.heard_at = time.monotonic()
        self._buffer += data

    def _read_line(self) -> bytes:
        while True:
            end = self._buffer.find(b"\r\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 2]
                return line
            if len(self._buffer) > _MAX_LINE:
                raise ProtocolError("read from Redis: the line is too long")
            self._receive()

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._receive()
        raw = bytes(self._buffer[:count])
        del self._buffer[:count]
        return raw

    def _skip(self, count: int) -> None:
        while count > 0:
            if not self._buffer:
                self._receive()
            skipped = min(count, len(self._buffer))
            del self._buffer[:skipped]
            count -= skipped
