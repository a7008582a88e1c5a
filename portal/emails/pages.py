"""The page dataclasses of mail templates; these get `page` alone, no shell.

`emails/<name>.txt` begins with the subject on its first line, then an empty line, then the text part;
`emails/<name>.html` is the HTML part, with a `<style>` to be put inline before it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MailBrand:
    """Colours are computed ones, in hex, of the light scheme; `legal_name` and `support_email` stand at the foot."""

    name: str
    legal_name: str
    support_email: str
    accent: str = "#33418f"
    on_accent: str = "#ffffff"
    locale: str = "en"
    dir: str = "ltr"


@dataclass(frozen=True, slots=True)
class SignInMail:
    """emails/sign_in. `code` as "K7QM-2XPA", `link` absolute."""

    brand: MailBrand
    code: str
    link: str
    minutes: int = 10


@dataclass(frozen=True, slots=True)
class RefundMail:
    """emails/refund: `amount` is on its way back by `method`; or, `has_come_back`, the customer's bank did not accept it."""

    brand: MailBrand
    payee: str
    amount: int
    currency: str
    method: str
    link: str
    reference: str
    has_come_back: bool = False


@dataclass(frozen=True, slots=True)
class SurplusMail:
    """emails/surplus: `amount` arrived for a payment that was paid another way by then, and was added to the customer's credit."""

    brand: MailBrand
    payee: str
    amount: int
    currency: str
    link: str
    reference: str


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    title: str
    number: str
    amount: int


@dataclass(frozen=True, slots=True)
class ReceiptMail:
    """emails/receipt: a payment is complete. `method` is `method_name(…)`, `at` in the merchant's zone, `link` absolute;
    `credit_amount` is the part of the amount that the customer's credit paid. `is_top_up`: money in advance, which has no lines."""

    brand: MailBrand
    payee: str
    amount: int
    currency: str
    at: datetime
    method: str
    lines: tuple[ReceiptLine, ...]
    link: str
    reference: str
    credit_amount: int = 0
    is_top_up: bool = False


@dataclass(frozen=True, slots=True)
class MethodExpiringMail:
    """emails/method_expiring: a saved method expires soon, or has expired. `method` is `method_name(…)`, `expiry` "04/2026", `link` the
    method's page, absolute. `can_replace`: the gateway has a page to save the new one; else it is saved when it pays."""

    brand: MailBrand
    method: str
    nickname: str | None
    expiry: str
    has_expired: bool
    is_default: bool
    can_replace: bool
    link: str
