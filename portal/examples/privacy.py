"""Examples of the page of privacy: each state of an export and of an erasure, and money that is under way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from portal.examples.parts import NOW, Example
from portal.privacy.pages import ErasureEntry, ExportEntry, PrivacyPage
from portal.privacy.rules.erasures import CurrencySum


def privacy_examples() -> Iterator[Example]:
    """The page in each state."""
    ready = ExportEntry(NOW - timedelta(days=1), NOW + timedelta(days=6), Decimal("2.1"), "MB")
    small = ExportEntry(NOW, NOW + timedelta(days=7), Decimal(38), "kB")
    own, merchants = ErasureEntry(NOW + timedelta(hours=72), True), ErasureEntry(NOW, False)
    dollars, francs = CurrencySum(67_519, "USD"), CurrencySum(99_999_999_999_999, "XAF")
    for name, page in {
        "": PrivacyPage(),
        "-ready": PrivacyPage(ready, moving=(dollars,)),
        "-making": PrivacyPage(small, is_being_made=True, done="export"),
        "-requested": PrivacyPage(erasure=own, moving=(dollars, francs), returning=(dollars,), done="erasure"),
        "-merchants": PrivacyPage(erasure=merchants, owed=(dollars, francs), credit=(dollars,), done="withdrawn"),
        "-confirmed": PrivacyPage(done="confirmed", asks_for_code=False, owed=(dollars,), credit=(dollars, francs)),
        "-unsure": PrivacyPage(returning=(dollars,), fault="unsure"),
        "-too-many": PrivacyPage(ready, fault="too_many"),
        "-twice": PrivacyPage(ready, is_being_made=True, fault="under_way"),
        "-begun": PrivacyPage(erasure=own, fault="begun"),
    }.items():
        yield Example(f"privacy{name}", "privacy.html", page, "privacy")
