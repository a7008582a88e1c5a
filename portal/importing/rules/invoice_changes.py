"""What another file changes of an invoice that is here already. Pure.

What has happened here since stays: an import never moves an invoice back, and touches none of which a payment is under way.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.importing.rules.refusals import ValueRefused
from portal.importing.rules.settlements import Settlement

_STATES = {
    "draft": "is a draft here", "partially_paid": "is partly paid", "paid": "is paid", "void": "is void here",
    "uncollectible": "is written off here",
}  # fmt: skip
_LEFT = "it is left as it is"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an invoice stands here, amounts in minor units. `imported` is what of `paid` came by imports."""

    status: str
    total: int
    paid: int
    credited: int
    reserved: int
    imported: int

    @property
    def is_untouched(self) -> bool:
        return self.status in ("open", "draft") and not (self.paid or self.credited or self.reserved)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, in this order: `rewrites` its content, open it, book a payment, void it or write it off."""

    rewrites: bool = False
    opens: bool = False
    payment: int = 0
    refund: int = 0
    ends_as: str | None = None

    @property
    def is_empty(self) -> bool:
        return self == Plan()


def plan_change(here: Standing, total: int, wanted: Settlement, *, is_same_content: bool) -> Plan:
    """Return what a file changes of an invoice; raises ValueRefused for what it may not change."""
    if is_same_content and _is_settled_or_ahead(here, wanted):
        return Plan()
    if here.reserved:
        raise ValueRefused(f"the invoice differs, but a payment of it is under way; {_LEFT}")
    if not is_same_content and not here.is_untouched:
        raise ValueRefused(f"the invoice differs, but {_what_happened(here)}; {_LEFT}")
    if is_same_content and here.status == "void":
        raise ValueRefused(f"the invoice differs, but it is void here; {_LEFT}")
    ends_as = wanted.status if wanted.status in ("void", "uncollectible") and wanted.status != here.status else None
    opens = here.status in ("draft", "uncollectible") and wanted.status not in (here.status, "draft", "void")
    payment = wanted.paid - here.paid
    if payment > 0 and here.paid != here.imported:
        raise ValueRefused(f"the invoice differs, but it is partly paid here; {_LEFT}")
    if payment > total - here.paid - here.credited:
        raise ValueRefused(f"the invoice differs, but a part of it is credited here; {_LEFT}")
    if ends_as == "void" and (here.paid or here.credited):
        raise ValueRefused(f"the invoice differs, but {_what_happened(here)}; {_LEFT}")
    return Plan(not is_same_content, opens, max(payment, 0), wanted.refunded if payment > 0 else 0, ends_as)


def _is_settled_or_ahead(here: Standing, wanted: Settlement) -> bool:
    """Whether the same content asks for nothing new: what is here is as the file says it, or went on since."""
    if here.status == "paid" or wanted.status == "draft":
        return True
    if here.status == "void":
        return not wanted.paid
    if wanted.paid > here.paid:
        return False
    if here.status == "draft":
        return False
    return wanted.status not in ("void", "uncollectible") or here.status == wanted.status


def _what_happened(here: Standing) -> str:
    if here.status in _STATES:
        return f"it {_STATES[here.status]}"
    return "a part of it is paid or credited"
