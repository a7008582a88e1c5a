"""What the examples share: the moment, the methods, ids of the real length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from portal.payment_methods.pages import MethodLabel, method_name

NOW = datetime(2026, 3, 19, 10, 44, 5, tzinfo=UTC)

STUDIO_CARD = MethodLabel("card", "visa", "4242", nickname="Studio card", exp_month=11, exp_year=2028)
OTHER_CARD = MethodLabel("card", "mastercard", "5100", exp_month=4, exp_year=2026)
PHONE = MethodLabel("mobile_money", "mtn", "0012", nickname="Téléphone d’Aïcha", phone="+237 6 77 •• •• 12")
BANK = MethodLabel("bank_account", None, "6789", bank_name="Chase")
VISA = method_name("card", "visa", "4242")
MASTERCARD = method_name("card", "mastercard", "5100")


@dataclass(frozen=True, slots=True)
class Example:
    """A template with a page to fill it, and where in the navigation it stands ("" for those before signing in)."""

    name: str
    template: str
    page: object
    current: str = ""


def example_id(prefix: str, number: int) -> str:
    return f"{prefix}_0Yc3mQ9sT7vLkPzE{number:06d}"
