"""The flood limit: a window a network, never for this machine, and never a fault of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.web import flood
from portal.web.flood import FloodLimit, build_flood_limit


@pytest.fixture(params=["memory", "shared"])
def limit(request: pytest.FixtureRequest) -> Iterator[FloodLimit]:
    """Two requests a minute, in this process and through the library that speaks to Redis."""
    made = build_flood_limit(2, "memory://" if request.param == "shared" else "")
    yield made
    timer = getattr(getattr(getattr(made, "_limiter", None), "storage", None), "timer", None)
    if timer is not None:
        timer.cancel()
        timer.join()


def test_third_request_of_an_address_has_to_wait(limit: FloodLimit) -> None:
    waits = [limit.count("203.0.113.7") for _ in range(3)]

    assert waits[:2] == [None, None]
    assert waits[2] is not None
    assert 1 <= waits[2] <= 60


def test_each_address_is_counted_separately(limit: FloodLimit) -> None:
    assert [limit.count(f"203.0.113.{number}") for number in range(20)] == [None] * 20


def test_addresses_of_one_ipv6_network_are_counted_together(limit: FloodLimit) -> None:
    waits = [limit.count(f"2001:db8:0:1::{number:x}") for number in range(3)]

    assert waits[:2] == [None, None]
    assert waits[2] is not None
    assert limit.count("2001:db8:0:2::1") is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "", "unix:"])
def test_loopback_is_never_limited(limit: FloodLimit, address: str) -> None:
    assert [limit.count(address) for _ in range(10)] == [None] * 10


def test_count_starts_again_each_minute() -> None:
    seconds = [60.0]
    limit = build_flood_limit(1, now=lambda: seconds[-1])
    assert [limit.count("203.0.113.7"), limit.count("203.0.113.7")] == [None, 60]

    seconds.append(120.0)

    assert limit.count("203.0.113.7") is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "_MAX_ADDRESSES", 10)
    limit = build_flood_limit(1)

    for number in range(100):
        limit.count(f"2001:db8:{number:x}::1")

    assert len(limit._counts) <= 12  # type: ignore[attr-defined]


def test_unreachable_redis_limits_nobody() -> None:
    limit = build_flood_limit(1, "redis://127.0.0.1:1/0?socket_connect_timeout=0.1")

    assert [limit.count("203.0.113.7") for _ in range(3)] == [None] * 3
