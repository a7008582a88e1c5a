"""Counting the responses of this process, for `/metrics`."""

from __future__ import annotations

from collections import Counter


class RequestCounts:
    """Responses by endpoint and status since the process started. A plain dictionary, so that counting is cheap."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()

    def add(self, endpoint: str | None, status: int) -> None:
        self.counts[endpoint or "none", status] += 1
