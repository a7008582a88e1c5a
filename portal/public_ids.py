"""Public ids: a prefix and a random part that sorts by time; and the check of their form."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 22
_LETTERS = frozenset(ALPHABET)
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_RANDOM_BITS = 74
_LAST_SEQUENCE = 2**12 - 1
_COUNTED_MILLISECONDS = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_id(prefix: str, at: datetime) -> str:
    """Return `prefix_` and a UUIDv7 of the instant `at` in 22 characters of base 62, which sort as ASCII by that instant.

    An imported object gets an id of its own time, so that a list by id is a list by time.
    """
    return f"{prefix}_{_base62(_uuid7(at))}"


def new_ordered_id(prefix: str, at: datetime) -> str:
    """Return an id as `new_id` does, which sorts after those that this process made earlier in the same millisecond, up to 4096."""
    return f"{prefix}_{_base62(_uuid7(at, _COUNTER.next(_milliseconds(at))))}"


def is_id(prefix: str, text: str) -> bool:
    """Return whether `text` has the shape of an id with that prefix; it need not exist."""
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == LENGTH and _LETTERS.issuperset(tail)


def first_id(prefix: str, at: datetime) -> str:
    """Return the smallest id that `at` can have: a bound for a range of time in an index by id."""
    return f"{prefix}_{_base62(_milliseconds(at) << 80)}"


def id_time(text: str) -> datetime | None:
    """Return the instant that an id of ours carries, to the millisecond; None for a text that is not an id."""
    _, _, tail = text.partition("_")
    if len(tail) != LENGTH or not _LETTERS.issuperset(tail):
        return None
    number = 0
    for letter in tail:
        number = number * 62 + ALPHABET.index(letter)
    try:
        return datetime.fromtimestamp((number >> 80) / 1000, UTC)
    except (OverflowError, ValueError):  # 22 characters can express years that a datetime cannot
        return None


class _Counter:
    """Counts what is made in each of the latest milliseconds, in whatever order threads ask for them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[int, int] = {}

    def next(self, milliseconds: int) -> int:
        with self._lock:
            count = self._counts.get(milliseconds, -1) + 1
            self._counts[milliseconds] = count
            if len(self._counts) > _COUNTED_MILLISECONDS:
                del self._counts[next(iter(self._counts))]
            return min(count, _LAST_SEQUENCE)


_COUNTER = _Counter()


def _uuid7(at: datetime, sequence: int | None = None) -> int:
    # RFC 9562: 48 bits of milliseconds, version 7, 12 bits of chance or of a counter, variant 10, 62 random bits.
    chance = secrets.randbits(_RANDOM_BITS)
    high = chance >> 62 if sequence is None else sequence
    return _milliseconds(at) << 80 | 7 << 76 | high << 64 | 2 << 62 | chance & ((1 << 62) - 1)


def _milliseconds(at: datetime) -> int:
    return max(0, (at - _EPOCH) // _MILLISECOND)


def _base62(number: int) -> str:
    pairs = []
    for _ in range(LENGTH // 2):
        number, pair = divmod(number, 62 * 62)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))
