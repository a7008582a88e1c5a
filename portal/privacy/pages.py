"""What the page of privacy gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from portal.privacy.rules.erasures import CurrencySum


@dataclass(frozen=True, slots=True)
class ExportEntry:
    """The export that may be downloaded until `expires_at`. `size` is in `unit`, "MB" or "kB"."""

    made_at: datetime
    expires_at: datetime
    size: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class ErasureEntry:
    """An erasure that was requested: it begins at `due_at`, or when no money is under way. `is_own`: the customer requested it, and may
    withdraw it."""

    due_at: datetime
    is_own: bool


@dataclass(frozen=True, slots=True)
class PrivacyPage:
    """privacy.html. `export` is ready, and `is_being_made` says that another one is on its way. `moving` and `returning` are payments and
    refunds for which an erasure waits, `owed` what open invoices leave to pay, `credit` what would be lost, each by currency.
    `asks_for_code`: an act leads to the form of a fresh code first. `done` is "export", "erasure", "withdrawn", "" or "confirmed" (a code was
    entered, and the act is to be chosen again), `fault` "unsure", "too_many", "under_way", "begun" or ""."""

    export: ExportEntry | None = None
    is_being_made: bool = False
    erasure: ErasureEntry | None = None
    moving: tuple[CurrencySum, ...] = ()
    returning: tuple[CurrencySum, ...] = ()
    owed: tuple[CurrencySum, ...] = ()
    credit: tuple[CurrencySum, ...] = ()
    asks_for_code: bool = True
    withdraw_hours: int = 72
    done: str = ""
    fault: str = ""
