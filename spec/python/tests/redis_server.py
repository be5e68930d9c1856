"""A redis-server of a test, on a free port of the loopback interface."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from typing import Callable

from fleetdial_ref.resp import Address, Connection

DEADLINE = 20.0


def eventually(test: unittest.TestCase, condition: Callable[[], bool], message: str) -> None:
    """Wait until the condition holds, or fail."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            test.fail(f"not within {DEADLINE} s: {message}")
        time.sleep(0.01)


class RedisServer:
    """A redis-server that keeps its port and its data across restarts."""

    def __init__(self) -> None:
        if not shutil.which("redis-server"):
            raise unittest.SkipTest("redis-server is not installed")
        self._directory = tempfile.mkdtemp(prefix="fleetdial-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self, keep: bool = True) -> None:
        """Start the server, with its data or without them."""
        if not keep:
            shutil.rmtree(self._directory)
            self._directory = tempfile.mkdtemp(prefix="fleetdial-")
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", "--dir", self._directory],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + DEADLINE
        while True:
            try:
                self.call("PING")
                return
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def call(self, *words):
        """Send a command, and return its reply."""
        connection = Connection(Address.parse(self.url), 5, 2**24)
        try:
            return connection.call(*words)
        finally:
            connection.close()

    def kill(self) -> None:
        """Kill the server."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Stop the server, so that it is silent but its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server continue."""
        self._process.send_signal(signal.SIGCONT)

    def drop_connections(self) -> None:
        """End all connections of subscribers."""
        self.call("CLIENT", "KILL", "TYPE", "pubsub")
        self.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def close(self) -> None:
        """Kill the server and remove its data."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)
