"""Short digests of content, for URLs, forms and logs."""

from __future__ import annotations

import hashlib

LENGTH = 16
_WITHOUT_DIGITS = str.maketrans("0123456789", "ghijklmnop")


def fingerprint(content: bytes) -> str:
    """Return 64 bits of SHA-256 as 16 letters from a to p.

    No digits: in hexadecimal one fingerprint in twenty thousand contains a valid card number, and a request that contains it
    would be refused (`web/card_numbers.py`).
    """
    return in_letters(hashlib.sha256(content).digest())[:LENGTH]


def in_letters(digest: bytes) -> str:
    """Return a whole digest in letters: hexadecimal with the digits 0 to 9 written as g to p.

    In hexadecimal one SHA-256 in 2,400 contains what looks like a card number; the log would mask it (`json_logs.py`), and
    the digest would prove nothing.
    """
    return digest.hex().translate(_WITHOUT_DIGITS)
