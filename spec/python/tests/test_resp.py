import socket
import threading
import time
import unittest

from fleetdial_ref.resp import Address, Connection, Oversize, ProtocolError, ReplyError


class RespTest(unittest.TestCase):
    def connect(self, *chunks, timeout=5.0):
        """Return a connection to a server that sends the chunks."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            peer = listener.accept()[0]
            self.addCleanup(peer.close)
            for chunk in chunks:
                peer.sendall(chunk)

        server = threading.Thread(target=serve)
        server.start()
        self.addCleanup(server.join)
        address = Address("127.0.0.1", listener.getsockname()[1])
        connection = Connection(address, timeout, limit=8)
        self.addCleanup(connection.close)
        return connection

    def test_replies(self):
        raw = b"+OK\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*2\r\n$0\r\n\r\n*1\r\n:1\r\n"
        connection = self.connect(*(raw[at : at + 1] for at in range(len(raw))))
        got = [connection.read() for _ in range(6)]
        self.assertEqual(got, ["OK", -7, b"a\r\n", None, None, [b"", [1]]])

    def test_error_reply(self):
        with self.assertRaises(ReplyError):
            self.connect(b"-WRONGTYPE x\r\n").call("GET", "x")

    def test_string_beyond_the_limit_is_skipped(self):
        connection = self.connect(b"$300000\r\n", bytes(300_000), b"\r\n:1\r\n")
        self.assertEqual([connection.read(), connection.read()], [Oversize(300_000), 1])

    def test_bytes_that_are_not_resp(self):
        for raw in (b"HTTP/1.1\r\n", b"$x\r\n", b"$1\r\nabc", b"*1\r\n" * 20, b"a" * 70_000):
            with self.subTest(raw[:20]), self.assertRaises(ProtocolError):
                self.connect(raw).read()

    def test_silent_server(self):
        connection = self.connect(timeout=0.05)
        began = time.monotonic()
        self.assertFalse(connection.wait(0.01))
        with self.assertRaises(socket.timeout):
            connection.read()
        self.assertLess(time.monotonic() - began, 5)

    def test_addresses(self):
        self.assertEqual(
            Address.parse("redis://u:p%40@[::1]:7000/3"), Address("::1", 7000, "u", "p@", 3)
        )
        self.assertEqual(Address.parse("redis://:p@h"), Address("h", 6379, None, "p"))
        for url in ("http://h", "redis://", "redis://h/x", "h:6379"):
            with self.assertRaises(ValueError):
                Address.parse(url)


if __name__ == "__main__":
    unittest.main()
