"""Examples of the saved methods: the page of all with each act open, and a new one in every state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from portal.examples.parts import BANK, OTHER_CARD, PHONE, STUDIO_CARD, Example, example_id
from portal.payment_methods.pages import (
    MethodEntry,
    MethodNotice,
    MethodRow,
    MethodsPage,
    NewMethodPage,
    SetupPage,
    UseRow,
)

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
    template = "payment_methods/list.html"
    entries = (
        MethodEntry(
            STUDIO, "Sandbox Pay", date(2025, 11, 3), nickname="Studio card", holder="Maya Lindqvist", consent_on=date(2025, 11, 3),
            consent_wording=CONSENT, consent_locale="en", uses=(UNDER_WAY, CHECKOUT), candidates=(OTHER, ACCOUNT, TELEPHONE),
        ),
        MethodEntry(
            OTHER, "Sandbox Pay", date(2025, 12, 1), can_be_default=True, uses=(UNDER_WAY,),
            candidates=(STUDIO, ACCOUNT, TELEPHONE), chosen=STUDIO.id,
        ),
        MethodEntry(
            ACCOUNT, "Sandbox Pay", date(2025, 12, 1), can_be_default=True, uses=(CHECKOUT,), candidates=(STUDIO, OTHER, TELEPHONE),
            chosen=STUDIO.id,
        ),
        MethodEntry(
            TELEPHONE, "Notch Pay", date(2025, 12, 1), nickname=PHONE.nickname or "", can_be_default=True,
            candidates=(STUDIO, OTHER, ACCOUNT), chosen=STUDIO.id,
        ),
        MethodEntry(EXPIRED, "Sandbox Pay", date(2024, 12, 1), candidates=(STUDIO, OTHER, ACCOUNT, TELEPHONE), chosen=STUDIO.id),
    )  # fmt: skip
    saved = MethodsPage(entries, "Sandbox Pay", can_add=True)
    yield Example("methods", template, saved, PLACE)
    yield Example("methods-no-setup", template, replace(saved, can_add=False), PLACE)
    for can_add in (False, True):
        none = MethodsPage((), "Sandbox Pay", can_add=can_add)
        yield Example("methods-none-yet" if can_add else "methods-none", template, none, PLACE)
    for name, notice in {
        "named": MethodNotice("named", STUDIO_CARD),
        "unnamed": MethodNotice("unnamed", OTHER_CARD),
        "default": MethodNotice("default", STUDIO_CARD),
        "removed": MethodNotice("removed", OTHER_CARD),
        "moved": MethodNotice("removed", OTHER_CARD, STUDIO_CARD),
    }.items():
        yield Example(f"methods-{name}", template, replace(saved, done=notice), PLACE)
    yield from _opened(template, saved)
    yield from _new_ones()


def _opened(template: str, saved: MethodsPage) -> Iterator[Example]:
    """The page at the address of one method, or with a fault: something of one method stands open."""

    def with_entry(place: int, **changes: Any) -> MethodsPage:
        entries = list(saved.methods)
        entries[place] = replace(entries[place], **changes)
        return replace(saved, methods=tuple(entries))

    elsewhere = replace(EXPIRED, state="elsewhere", is_default=True)
    only = replace(saved.methods[0], open="removal", uses=(), candidates=())
    pages = {
        "method-details": with_entry(0, open="details"),
        "method-bank": with_entry(2, open="details"),
        "method-elsewhere": with_entry(4, row=elsewhere, gateway_name="Stripe", open="details"),
        "method-name": with_entry(0, open="name"),
        "method-too-long": with_entry(0, open="name", nickname="x" * 41, fault="too_long"),
        "method-unusable": with_entry(0, open="name", nickname="4242", fault="unusable"),
        "method-card-number": with_entry(0, open="name", nickname="", fault="card_number"),
        "removal-choice": with_entry(0, open="removal"),
        "removal-not-chosen": with_entry(0, open="removal", is_choice_missing=True),
        "removal-proposed": with_entry(2, open="removal"),
        "removal-in-progress": with_entry(1, open="removal"),
        "removal-free": with_entry(3, open="removal"),
        "removal-last": replace(saved, methods=(only,)),
    }
    for name, page in pages.items():
        yield Example(name, template, page, PLACE)


def _new_ones() -> Iterator[Example]:
    new = NewMethodPage("Sandbox Pay", ("card", "mobile_money", "bank_account"), consent=CONSENT)
    pages = {
        "new": new,
        "first": replace(new, is_first=True, types=("card",)),
        "replacing": replace(new, replaces_id=OTHER.id, replaces=OTHER_CARD),
        "fault": replace(new, nickname="x" * 41, fault="too_long", make_default=True),
        "card-number": replace(new, fault="card_number", make_default=True),
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
