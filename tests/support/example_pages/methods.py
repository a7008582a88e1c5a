"""Examples of the saved methods: the list, one of them, its removal, and a new one in every state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from portal.payment_methods.pages import (
    MethodPage,
    MethodRow,
    MethodsPage,
    NewMethodPage,
    RemovalPage,
    SetupPage,
    UseRow,
)
from tests.support.example_pages.parts import BANK, OTHER_CARD, PHONE, STUDIO_CARD, Example, example_id

PLACE = "payment_methods"
CONSENT = (
    "By going on you allow Acme Software Inc. to keep this method with Sandbox Pay and to charge it when you pay here."
    " You can remove it at any time."
)
EXPIRED_CARD = replace(OTHER_CARD, exp_month=1)
STUDIO, OTHER, ACCOUNT, TELEPHONE, EXPIRED = (
    MethodRow(example_id("pm", 1), STUDIO_CARD, "active", True, date(2026, 2, 5)),
    MethodRow(example_id("pm", 2), OTHER_CARD, "expiring", False, date(2026, 2, 18)),
    MethodRow(example_id("pm", 3), BANK, "active", False, None),
    MethodRow(example_id("pm", 4), PHONE, "active", False, None),
    MethodRow(example_id("pm", 5), EXPIRED_CARD, "expired", False, None),
)
CHECKOUT = UseRow("checkout", f"/acme/checkout/{example_id('pay', 1)}", "Usage, February", 8640, "USD")
UNDER_WAY = UseRow("payment", f"/acme/payments/{example_id('pay', 2)}", "Team plan, March", 23958, "USD")


def method_examples() -> Iterator[Example]:
    """Every page about saved methods, each state of it once."""
    saved = MethodsPage((STUDIO, OTHER, ACCOUNT, TELEPHONE, EXPIRED), "Sandbox Pay", can_add=True)
    yield Example("methods", "payment_methods/list.html", saved, PLACE)
    yield Example("methods-removed", "payment_methods/list.html", replace(saved, removed=OTHER_CARD), PLACE)
    yield Example("methods-no-setup", "payment_methods/list.html", replace(saved, can_add=False), PLACE)
    for can_add in (False, True):
        none = MethodsPage((), "Sandbox Pay", can_add=can_add)
        yield Example("methods-none-yet" if can_add else "methods-none", "payment_methods/list.html", none, PLACE)
    yield from _details()
    yield from _removals()
    yield from _new_ones()


def _details() -> Iterator[Example]:
    studio = MethodPage(
        STUDIO.id, STUDIO_CARD, "active", True, "Sandbox Pay", date(2025, 11, 3), nickname="Studio card",
        holder="Maya Lindqvist", last_used_on=date(2026, 2, 5), consent_on=date(2025, 11, 3), consent_wording=CONSENT, consent_locale="en",
        uses=(UNDER_WAY, CHECKOUT), can_replace=True,
    )  # fmt: skip
    pages = {
        "default": studio,
        "too-long": replace(studio, nickname="x" * 41, fault="too_long"),
        "unusable": replace(studio, nickname="4242", fault="unusable"),
        "expiring": replace(
            studio,
            id=OTHER.id,
            label=OTHER_CARD,
            state="expiring",
            is_default=False,
            nickname="",
            uses=(),
            can_be_default=True,
        ),
        "expired": replace(studio, id=EXPIRED.id, label=EXPIRED_CARD, state="expired", is_default=False, nickname=""),
        "expired-for-good": replace(
            studio, id=EXPIRED.id, label=EXPIRED_CARD, state="expired", is_default=False, nickname="", can_replace=False
        ),
        "bank": MethodPage(
            ACCOUNT.id, BANK, "active", False, "Sandbox Pay", date(2025, 12, 1), can_be_default=True, can_replace=True
        ),
        "phone": MethodPage(TELEPHONE.id, PHONE, "active", False, "Notch Pay", date(2025, 12, 1), can_be_default=True),
    }
    for name, page in pages.items():
        yield Example(f"method-{name}", "payment_methods/detail.html", page, PLACE)


def _removals() -> Iterator[Example]:
    studio = RemovalPage(
        STUDIO.id, STUDIO_CARD, True, (UNDER_WAY, CHECKOUT), (OTHER, ACCOUNT, TELEPHONE), can_replace=True
    )
    pages = {
        "choice": studio,
        "not-chosen": replace(studio, is_fault=True),
        "one-other": replace(studio, uses=(), candidates=(ACCOUNT,)),
        "last": replace(studio, uses=(), candidates=()),
        "under-way": RemovalPage(OTHER.id, OTHER_CARD, False, (UNDER_WAY,), (STUDIO, ACCOUNT)),
        "free": RemovalPage(ACCOUNT.id, BANK, False, (), (STUDIO,)),
    }
    for name, page in pages.items():
        yield Example(f"removal-{name}", "payment_methods/removal.html", page, PLACE)


def _new_ones() -> Iterator[Example]:
    new = NewMethodPage("Sandbox Pay", ("card", "mobile_money", "bank_account"), consent=CONSENT)
    pages = {
        "new": new,
        "first": replace(new, is_first=True, types=("card",)),
        "replacing": replace(new, replaces_id=OTHER.id, replaces=OTHER_CARD),
        "fault": replace(new, nickname="x" * 41, fault="too_long", make_default=True),
        "none": NewMethodPage("Notch Pay"),
    }
    for name, page in pages.items():
        yield Example(f"method-new-{name}", "payment_methods/new.html", page, PLACE)
    setup = SetupPage(
        example_id("pms", 1), "requires_action", "Sandbox Pay", "/acme/payment-methods/new",
        continue_url="http://localhost:9/setup/1",
    )  # fmt: skip
    for status in ("requires_action", "processing", "pending", "failed", "canceled", "expired", "complete"):
        yield Example(f"setup-{status}", "payment_methods/setup.html", replace(setup, status=status), PLACE)
    yield Example(
        "setup-declined",
        "payment_methods/setup.html",
        replace(setup, status="failed", failure_code="card_declined"),
        PLACE,
    )
    saved = replace(setup, status="complete", method_id=STUDIO.id, method=STUDIO_CARD)
    yield Example("setup-saved", "payment_methods/setup.html", saved, PLACE)
    yield Example("setup-replaced", "payment_methods/setup.html", replace(saved, has_replaced=True), PLACE)
