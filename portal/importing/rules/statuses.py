"""The words in which other systems say how an invoice or a payment stands, and with what it was paid.

Case, blanks, hyphens and underscores do not count. A word that means two things is in no list: `--values` says what it means.
"""

from __future__ import annotations

import re

from portal.contacts import mask_card_numbers
from portal.importing.rules.refusals import ValueRefused

_BETWEEN_WORDS = re.compile(r"[\s_\-–,.]+")
_WITH_DAYS = re.compile(r"^(overdue|due in|due|past due|late) ?(?:by )?[0-9]+ days?(?: ago)?$")

# Stripe, Xero, QuickBooks, Shopify, WooCommerce and Notch Pay, in this order; the first word is ours.
_INVOICE_WORDS = {
    "open": "open; authorised, awaiting payment, approved; unpaid, overdue, due, due today, past due, not due, not paid; pending, "
    "authorized; pending payment, on hold, wc on hold, wc pending; incomplete; outstanding, issued, late, due in",
    "draft": "draft; submitted, awaiting approval; checkout draft, wc checkout draft",
    "paid": "paid; deposited, paid not deposited, not deposited, closed; completed, processing, wc completed, wc processing; complete; "
    "paid in full, settled",
    "void": "void; voided, deleted; cancelled, canceled, failed, wc cancelled, wc failed; abandoned, expired, rejected",
    "uncollectible": "uncollectible; written off, bad debt",
    "refunded": "refunded; wc refunded",
    "partially_refunded": "partially refunded",
    "partially_paid": "partially paid, partial, partly paid, part paid",
}
_PAYMENT_WORDS = {
    "complete": "complete; paid, succeeded; authorised; deposited, closed; success, successful; completed, wc completed; captured, settled",
    "partially_refunded": "partially refunded, partial refund",
    "refunded": "refunded; wc refunded",
    "failed": "failed; failure, declined, error, unsuccessful; wc failed",
    "canceled": "canceled, cancelled; voided, void; deleted; wc cancelled",
    "rejected": "rejected; blocked",
    "abandoned": "abandoned",
    "expired": "expired",
}
_CHANNEL_WORDS = {
    "card": "card, cards, credit card, debit card, visa, mastercard, amex, american express",
    "mobile_money": "mobile money, momo, mtn, mtn momo, mtn mobile money, orange money, orange, moov money, wave, airtel money, m pesa, mpesa",
    "bank_account": "bank account, bank, bank transfer, transfer, wire, sepa, sepa debit, sepa direct debit, ach, ach debit, us bank account, "
    "direct debit, bacs, bacs debit",
    "other": "other, cash, cheque, check, paypal",
}
# Notch Pay's channels of telephones: the country and the operator, such as cm.mtn.
_TELEPHONE_CHANNEL = re.compile(r"[a-z]{2}\.(?:mtn|orange|mobile|moov|wave|airtel|mpesa|tmoney|free|vodafone)")
_NOT_ENDED = frozenset(
    {
        "incomplete", "pending", "processing", "requires action", "requires payment method", "requires confirmation", "requires capture",
        "uncaptured", "authorized", "on hold", "wc on hold", "wc pending", "wc processing", "pending payment", "initiated", "created",
    }
)  # fmt: skip


def read_invoice_status(field: str, text: str) -> str:
    """Return one of open, draft, paid, void, uncollectible, and partially_paid, refunded, partially_refunded, which other columns
    have to fit."""
    found = _INVOICES.get(_key(text))
    if found is None:
        raise ValueRefused(_unknown(field, text, "open"))
    return found


def read_payment_status(field: str, text: str) -> str:
    """Return the status of a payment that has ended, as the API writes it."""
    key = _key(text)
    found = _PAYMENTS.get(key)
    if found is not None:
        return found
    if key in _NOT_ENDED:
        raise ValueRefused(f"{field} says that the payment has not ended; only one that has is imported")
    raise ValueRefused(_unknown(field, text, "complete"))


def read_channel(field: str, text: str) -> str:
    """Return with what a payment was made: card, mobile_money, bank_account or other."""
    if _TELEPHONE_CHANNEL.fullmatch(text.strip().casefold()):
        return "mobile_money"
    found = _CHANNELS.get(_key(text))
    if found is None:
        raise ValueRefused(_unknown(field, text, "card"))
    return found


def _unknown(field: str, text: str, status: str) -> str:
    word = mask_card_numbers(" ".join(text.split()))[:40]
    return f"{field} {word} is not a known word; say what it means: --values '{field}:{word}={status}'"


def _key(text: str) -> str:
    words = _BETWEEN_WORDS.sub(" ", text.strip().casefold()).strip()
    return _WITH_DAYS.sub(r"\1", words)


def _by_word(words: dict[str, str]) -> dict[str, str]:
    return {_key(word): status for status, text in words.items() for word in re.split("[;,]", text)}


_INVOICES = _by_word(_INVOICE_WORDS)
_PAYMENTS = _by_word(_PAYMENT_WORDS)
_CHANNELS = _by_word({channel: words.replace(",", ";") for channel, words in _CHANNEL_WORDS.items()})
