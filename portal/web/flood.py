"""The flood limit: requests from one network address a minute. The limits that protect sign-in and paying are database rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from portal.networks import network_of

WINDOW_SECONDS = 60
_MAX_ADDRESSES = 50_000


class FloodLimit(Protocol):
    """Counts requests of a network (IPv6: a /64). `count` returns None, or the seconds until the address may continue."""

    def count(self, address: str) -> int | None: ...


def build_flood_limit(per_minute: int, redis_url: str = "", *, now: Callable[[], float] = time.time) -> FloodLimit:
    """Return a limit in this process, or one shared by all processes when a Redis URL is given."""
    return _RedisFlood(per_minute, redis_url) if redis_url else _MemoryFlood(per_minute, now)


class _MemoryFlood:
    """A fixed window a network. Loses a count now and then under threads, which is precise enough."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._limit = per_minute
        self._now = now
        self._window = 0
        self._counts: dict[str, int] = {}

    def count(self, address: str) -> int | None:
        now = self._now()
        window = int(now // WINDOW_SECONDS)
        if window != self._window or len(self._counts) > _MAX_ADDRESSES:
            self._window, self._counts = window, {}
        counts, network = self._counts, network_of(address)
        counts[network] = counted = counts.get(network, 0) + 1
        if counted <= self._limit:
            return None
        return None if _is_loopback(address) else WINDOW_SECONDS - int(now % WINDOW_SECONDS)


class _RedisFlood:
    """The same window, counted in Redis; when Redis is unreachable nobody is limited."""

    def __init__(self, per_minute: int, redis_url: str) -> None:
        from limits import RateLimitItemPerMinute
        from limits.storage import storage_from_string
        from limits.strategies import FixedWindowRateLimiter

        self._item = RateLimitItemPerMinute(per_minute, namespace="portal")
        storage = storage_from_string(redis_url)
        self._errors = storage.base_exceptions
        self._limiter = FixedWindowRateLimiter(storage)

    def count(self, address: str) -> int | None:
        try:
            if self._limiter.hit(self._item, network_of(address)) or _is_loopback(address):
                return None
        except self._errors:
            return None
        return WINDOW_SECONDS - int(time.time() % WINDOW_SECONDS)


@lru_cache(maxsize=1024)
def _is_loopback(address: str) -> bool:
    # Behind a proxy on this machine whose headers are not trusted, all visitors have this one address.
    try:
        parsed = ip_address(address)
    except ValueError:
        return True
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback
