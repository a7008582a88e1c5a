"""Names for what something holds, for addresses, forms and logs: the same content the same name, other content another."""

from __future__ import annotations

import hashlib

LENGTH = 16
_WITHOUT_DIGITS = str.maketrans("0123456789", "ghijklmnop")


def fingerprint(content: bytes) -> str:
    """64 bits of SHA-256 in 16 letters from a to p.

    No digits: in plain hexadecimal one fingerprint in twenty thousand holds what is, by all its signs, a payment card's number,
    and the request that it comes back with is refused for it (`web/card_numbers.py`).
    """
    return spelled(hashlib.sha256(content).digest())[:LENGTH]


def spelled(digest: bytes) -> str:
    """A whole digest for people and logs: hexadecimal, its digits 0 to 9 written g to p.

    In plain hexadecimal one SHA-256 in 2,400 holds what looks like a card's number, and the log would mask a part of it
    (`json_logs.py`): it would prove nothing any more.
    """
    return digest.hex().translate(_WITHOUT_DIGITS)
