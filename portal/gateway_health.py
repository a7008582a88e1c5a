"""How quickly gateways answer this process: measured on every call, so that a checkout can say when one is slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from portal.gateway_calls import WAIT_SECONDS

SLOW_SECONDS = WAIT_SECONDS
"""A call that takes longer is one that no page waits for."""
REMEMBERED_SECONDS = 60.0
"""How long the last slow answer counts where no other has come since."""


@dataclass(slots=True)
class _Record:
    """The calls of one merchant's account: when each that is under way began, and when the last slow answer came, None once a quick
    one has."""

    under_way: dict[object, float] = field(default_factory=dict)
    slow_at: float | None = None


class GatewayHealth:
    """Which gateways are slow now, by merchant and name. Of this process alone, and forgotten with it. Thread-safe."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], _Record] = {}

    def is_slow(self, merchant_id: str, gateway: str) -> bool:
        """Return whether a call has been waiting for longer than pages wait, or the last one that was answered did within a minute."""
        with self._lock:
            record = self._records.get((merchant_id, gateway))
            if record is None:
                return False
            now = self._now()
            is_hanging = any(now - began > SLOW_SECONDS for began in record.under_way.values())
            was_slow = record.slow_at is not None and now - record.slow_at < REMEMBERED_SECONDS
            return is_hanging or was_slow

    @contextmanager
    def measure(self, merchant_id: str, gateway: str) -> Iterator[None]:
        """Measure the call that the block makes."""
        call, began = object(), self._now()
        with self._lock:
            record = self._records.setdefault((merchant_id, gateway), _Record())
            record.under_way[call] = began
        try:
            yield
        finally:
            with self._lock:
                del record.under_way[call]
                now = self._now()
                record.slow_at = now if now - began > SLOW_SECONDS else None
