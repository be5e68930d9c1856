"""Verification of Ed25519 signatures, RFC 8032, section 5.1.

The code handles public data only, so it does not need to run in constant time.
"""

from __future__ import annotations

import hashlib
from typing import Optional, Tuple

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

# A point is (X, Y, Z, T) with x = X/Z, y = Y/Z and x*y = T/Z.
Point = Tuple[int, int, int, int]
IDENTITY: Point = (0, 1, 1, 0)


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(number: int, point: Point) -> Point:
    result = IDENTITY
    while number > 0:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _is_identity(point: Point) -> bool:
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0


def _recover_x(y: int, sign: int) -> Optional[int]:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - square) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def _decompress(raw: bytes) -> Optional[Point]:
    """Decode a point. An encoding with y >= p is not canonical and returns None."""
    number = int.from_bytes(raw, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= P:
        return None
    x = _recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def _compress(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _recover_x(_BASE_Y, 0) or 0
BASE: Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def is_public_key(public_key: bytes) -> bool:
    """Report whether the bytes are a public key that signatures can be trusted under.

    A point of a small order is not, because anyone can write signatures for it.
    """
    if len(public_key) != 32:
        return False
    point = _decompress(public_key)
    return point is not None and not _is_identity(_multiply(8, point))


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Report whether the signature of the message verifies under the public key.

    S below L and the byte-wise comparison of R leave one form of a signature. The
    equation is the one without the cofactor.
    """
    if len(signature) != 64 or not is_public_key(public_key):
        return False
    point = _decompress(public_key)
    scalar = int.from_bytes(signature[32:], "little")
    if point is None or scalar >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    hash = int.from_bytes(digest, "little") % L
    negative: Point = (P - point[0], point[1], point[2], P - point[3])
    expected = _add(_multiply(scalar, BASE), _multiply(hash, negative))
    return _compress(expected) == signature[:32]


def _expand(seed: bytes) -> Tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar & (2**254 - 8) | 2**254, digest[32:]


def public_key_of(seed: bytes) -> bytes:
    """Return the public key of a seed of 32 bytes."""
    return _compress(_multiply(_expand(seed)[0], BASE))


def sign(seed: bytes, message: bytes) -> bytes:
    """Sign a message. The tests use this. It does not run in constant time."""
    scalar, prefix = _expand(seed)
    nonce = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    commitment = _compress(_multiply(nonce, BASE))
    digest = hashlib.sha512(commitment + public_key_of(seed) + message).digest()
    answer = (nonce + int.from_bytes(digest, "little") * scalar) % L
    return commitment + answer.to_bytes(32, "little")
