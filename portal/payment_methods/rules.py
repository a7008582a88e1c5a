"""Decisions about a saved method, as pure functions: whether it has run out, and which one is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Protocol, TypeVar

EXPIRES_SOON = timedelta(weeks=8)


class Expiring(Protocol):
    """What has an expiry, as it stands on a card; both None for what never expires."""

    @property
    def status(self) -> str: ...
    @property
    def exp_month(self) -> int | None: ...
    @property
    def exp_year(self) -> int | None: ...


Method = TypeVar("Method", bound=Expiring)


def method_state(method: Expiring, today: date) -> str:
    """ "active", "expiring" (within eight weeks) or "expired". A card is good until the end of the month on it."""
    if method.status == "expired":
        return "expired"
    if method.exp_month is None or method.exp_year is None:
        return "active"
    first_bad_day = date(method.exp_year + method.exp_month // 12, method.exp_month % 12 + 1, 1)
    if today >= first_bad_day:
        return "expired"
    return "expiring" if today > first_bad_day - EXPIRES_SOON else "active"


def preferred_method(methods: Sequence[Method], today: date) -> Method | None:
    """The method a checkout proposes: the first that has not run out, of methods with the default first."""
    return next((method for method in methods if method_state(method, today) != "expired"), None)


def shown_brand(type: str, brand: str | None, bank_name: str | None) -> str | None:
    """What a method is called in one word: the bank of an account, the brand of everything else."""
    return bank_name or brand if type == "bank_account" else brand
