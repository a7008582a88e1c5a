"""What a merchant of the tests decides: changed as the settings document changes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.events.rules import Actor
from portal.merchants.operations import apply_settings
from portal.merchants.queries import get_merchant
from portal.merchants.rules.merchant_settings import read_document, write_document
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.money import exponent, major_units
from portal.rendering.translations import available_locales


def change_settings(
    session: Session, merchant_id: str, changes: Mapping[str, Any], *, actor: Actor, at: datetime
) -> None:
    """Take sections of a document ({"pages": {…}}) in place of the merchant's own; the other sections stay."""
    merchant = get_merchant(session, merchant_id)
    document = {**write_document(merchant.settings), **changes}
    settings = read_document(document, languages=available_locales(), mode=merchant.mode)
    apply_settings(session, merchant_id, settings, actor=actor, at=at)


def set_payment_options(
    session: Session, merchant_id: str, options: PaymentOptions, *, actor: Actor, at: datetime
) -> None:
    """Let the merchant's customers pay in these ways from now on."""
    change_settings(session, merchant_id, {"amounts": amounts_of(options)}, actor=actor, at=at)


def amounts_of(options: PaymentOptions) -> dict[str, Any]:
    """Return the section `amounts` of a document that says the same."""
    return {
        "mode": options.amount_mode,
        "split": options.allow_split,
        "limits": {currency: _written(each, currency) for currency, each in options.amounts.items()},
        "credit": {currency: _written(each, currency) for currency, each in options.top_ups.items()},
    }


def _written(limits: AmountLimits, currency: str) -> dict[str, Any]:
    def text(amount: int) -> str:
        return f"{major_units(amount, currency):.{exponent(currency)}f}"

    return {
        "minimum": text(limits.minimum),
        "maximum": text(limits.maximum),
        "presets": [text(preset) for preset in limits.presets],
    }
