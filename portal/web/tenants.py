"""The merchant of a request, from its slug, through a cache of a few seconds that every request shares."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from portal.clock import Clock
from portal.database import Database
from portal.merchants.queries import MerchantProfile, find_merchant

CACHE_SECONDS = 5
_CACHE_LIFETIME = timedelta(seconds=CACHE_SECONDS)
_MAX_CACHED = 2048
_SLUG_SHAPE = re.compile(
    r"[a-z0-9-]{1,64}", re.ASCII
)  # What is looked up at all; which slugs may be chosen is decided in portal/merchants/rules.


class Tenants:
    """Finds merchants by slug; a change or a disabled merchant takes effect after at most five seconds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._cache: dict[str, tuple[datetime, MerchantProfile | None]] = {}

    def find(self, slug: str) -> MerchantProfile | None:
        """Return the active merchant of `slug`; None for one that is unknown, disabled or malformed."""
        now = self._clock.now()
        cached = self._cache.get(slug)
        # Also when the clock was set back: an entry must not outlive its seconds.
        if cached is not None and abs(now - cached[0]) < _CACHE_LIFETIME:
            return cached[1]
        if _SLUG_SHAPE.fullmatch(slug) is None:
            return None
        with self._database.read() as reader:
            merchant = find_merchant(reader, slug)
        if merchant is not None and merchant.status != "active":
            merchant = None
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[slug] = (now, merchant)
        return merchant
