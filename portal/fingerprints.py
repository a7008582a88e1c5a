"""Short names for what something holds, for addresses and forms: the same content the same name, other content another."""

from __future__ import annotations

import hashlib

LENGTH = 16
_WITHOUT_DIGITS = str.maketrans("0123456789", "ghijklmnop")


def fingerprint(content: bytes) -> str:
    """64 bits of SHA-256 in 16 letters from a to p.

    No digits: in plain hexadecimal one fingerprint in twenty thousand holds what is, by all its signs, a payment card's number,
    and the request that it comes back with is refused for it (`web/card_numbers.py`).
    """
    return hashlib.sha256(content).hexdigest()[:LENGTH].translate(_WITHOUT_DIGITS)
