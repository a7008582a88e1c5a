"""Requests and the lookup of one payment of a customer of Savane at Notch Pay."""

from __future__ import annotations

from portal.clock import MovableClock
from portal.gateways.contract import ChargeOutcome, Lookup, PageRequest, Payer, PromptRequest
from portal.money import Money

REFERENCE = "pay_032kbShSLbF8iRm1FXK4Ro"
MONEY = Money(5000, "XAF")
PAYER = Payer("cus_032kbShSLbF8iRm1FXK4Ro", "Aïcha Njoya", "aicha@njoya.example", "+237677000000")
PAGE = PageRequest(
    REFERENCE,
    MONEY,
    "Savane Énergie",
    PAYER,
    "Facture 2026-017",
    return_url="https://portal.example/savane/payments/1",
    cancel_url="https://portal.example/savane/payments/1",
    locale="fr",
    save=False,
)
PROMPT = PromptRequest(
    REFERENCE,
    MONEY,
    "cm.mtn",
    "+237677000001",
    PAYER,
    "Facture 2026-017",
    return_url="https://portal.example/savane/payments/1",
    save=False,
)


def lookup(clock: MovableClock, known: ChargeOutcome | None = None) -> Lookup:
    """Build the portal's lookup: with the ids of the `known` outcome, or without where the response was lost."""
    return Lookup(
        REFERENCE,
        clock.now(),
        known.gateway_reference if known else None,
        known.page_reference if known else None,
    )
