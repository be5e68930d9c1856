"""A reader of the msgpack items that the value consists of.

Each method reads one item of one type and rejects an item of any other type (V3), in
every width that msgpack has for the type (V4).
"""

from __future__ import annotations

import struct
from .errors import invalid, malformed

_INTEGERS = {
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_STRINGS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_ARRAYS = {0xDC: ">H", 0xDD: ">I"}
_MAPS = {0xDE: ">H", 0xDF: ">I"}
# The types of a fixed length, with the number of bytes after the first one.
_FIXED = {0xC2: 0, 0xC3: 0}
_FIXED.update({code: struct.calcsize(form) for code, form in _INTEGERS.items()})


class Reader:
    """A position within bytes of msgpack."""

    def __init__(self, data: bytes, position: int = 0):
        self.data = data
        self.position = position

    def left(self) -> int:
        """Return the number of bytes after the position."""
        return len(self.data) - self.position

    def integer(self, name: str, low: int, high: int) -> int:
        """Read an integer from low to high (V3, V4, V7)."""
        code = self._code()
        if code <= 0x7F:
            number = code
        elif code >= 0xE0:
            number = code - 0x100
        elif code in _INTEGERS:
            number = self._number(_INTEGERS[code])
        else:
            raise malformed(f"read {name}: not an integer (type byte {code:#04x})")
        if not low <= number <= high:
            raise invalid(f"read {name}: {number} is out of bounds ({low} to {high})")
        return number

    def boolean(self, name: str) -> bool:
        """Read a boolean (V3)."""
        code = self._code()
        if code not in (0xC2, 0xC3):
            raise malformed(f"read {name}: not a boolean (type byte {code:#04x})")
        return code == 0xC3

    def string(self, name: str, low: int, high: int) -> str:
        """Read a string of low to high bytes of UTF-8 (V3, V4, V7)."""
        code = self._code()
        if 0xA0 <= code <= 0xBF:
            length = code & 0x1F
        elif code in _STRINGS:
            length = self._number(_STRINGS[code])
        else:
            raise malformed(f"read {name}: not a string (type byte {code:#04x})")
        raw = self._take(length)
        if not low <= length <= high:
            raise invalid(f"read {name}: {length} bytes ({low} to {high} are accepted)")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise invalid(f"read {name}: not valid UTF-8") from None

    def array(self, name: str, low: int, high: int) -> int:
        """Read the head of an array, and return its number of items (V3, V4, V7)."""
        return self._head(name, "an array", 0x90, _ARRAYS, 1, low, high)

    def map(self, name: str, low: int, high: int) -> int:
        """Read the head of a map, and return its number of pairs (V3, V4, V7)."""
        return self._head(name, "a map", 0x80, _MAPS, 2, low, high)

    def skip(self) -> None:
        """Skip one item of any type that V3 accepts, with all items in it.

        The loop counts the items that are left, so that nested items need no memory.
        """
        items = 1
        while items > 0:
            items += self._skip_head() - 1
            if items > self.left():
                raise malformed("skip an item: the value ends within it")

    def skip_map(self) -> None:
        """Skip one map, with all items in it."""
        code = self.data[self.position] if self.left() else 0
        if not (0x80 <= code <= 0x8F or code in _MAPS):
            raise malformed(f"skip a map: not a map (type byte {code:#04x})")
        self.skip()

    def _head(self, name, kind, fix, wide, size, low, high) -> int:
        code = self._code()
        if fix <= code <= fix + 0x0F:
            count = code & 0x0F
        elif code in wide:
            count = self._number(wide[code])
        else:
            raise malformed(f"read {name}: not {kind} (type byte {code:#04x})")
        # An item has at least one byte, so the count is compared with the bytes that
        # are left before anything is allocated (V14).
        if count * size > self.left():
            raise malformed(f"read {name}: the value ends within it")
        if not low <= count <= high:
            raise invalid(f"read {name}: {count} items ({low} to {high} are accepted)")
        return count

    def _skip_head(self) -> int:
        """Skip an item without the items in it, and return the number of these."""
        code = self._code()
        if code <= 0x7F or code >= 0xE0:
            return 0
        if code <= 0x8F:
            return (code & 0x0F) * 2
        if code <= 0x9F:
            return code & 0x0F
        if code <= 0xBF:
            self._take(code & 0x1F)
            return 0
        if code in _FIXED:
            self._take(_FIXED[code])
            return 0
        if code in _STRINGS:
            self._take(self._number(_STRINGS[code]))
            return 0
        if code in _ARRAYS:
            return self._number(_ARRAYS[code])
        if code in _MAPS:
            return self._number(_MAPS[code]) * 2
        raise malformed(f"skip an item: its type is not accepted (type byte {code:#04x})")

    def _code(self) -> int:
        if self.left() < 1:
            raise malformed("read an item: the value ends before it")
        self.position += 1
        return self.data[self.position - 1]

    def _number(self, form: str) -> int:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take(self, count: int) -> bytes:
        # The length is compared before the slice copies the bytes (V14).
        if count > self.left():
            raise malformed("read an item: the value ends within it")
        self.position += count
        return self.data[self.position - count : self.position]
