"""Reads what stands in the arguments of commands: entries, days, instants and amounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import click

from portal.merchants.queries import MerchantProfile


def read_entries(option: str, texts: Sequence[str]) -> dict[str, str | None]:
    """Return the entries of `KEY=VALUE`; an empty value is None, which removes the entry. Raises BadParameter."""
    entries: dict[str, str | None] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise click.BadParameter(f"{text!r} is not of the form KEY=VALUE", param_hint=option)
        if key in entries:
            raise click.BadParameter(f"{key} is given twice", param_hint=option)
        entries[key] = value or None
    return entries


def read_day(option: str, text: str) -> date:
    """Return a day such as 2026-01-31. Raises BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("is not a day such as 2026-01-31", param_hint=option) from None


def read_instant(option: str, text: str, merchant: MerchantProfile) -> datetime:
    """Return an instant such as 2026-01-31T12:00:00Z, or the first one of a day in the merchant's timezone. Raises BadParameter."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            "is not an instant such as 2026-01-31T12:00:00Z, nor a day", param_hint=option
        ) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=ZoneInfo(merchant.timezone))
    return instant.astimezone(UTC)


def start_of_day(day: date, merchant: MerchantProfile) -> datetime:
    """Return the first instant of a day in the merchant's timezone."""
    return datetime.combine(day, time(), ZoneInfo(merchant.timezone)).astimezone(UTC)
