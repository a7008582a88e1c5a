"""From rows to how a saved method is named and shown on pages. No queries, no words."""

from __future__ import annotations

from datetime import date, tzinfo

from portal.payment_methods.pages import MethodLabel, MethodRow
from portal.payment_methods.queries import MethodRecord
from portal.payment_methods.rules import method_state


def build_method_row(method: MethodRecord, *, today: date, zone: tzinfo) -> MethodRow:
    """A saved method as its list shows it."""
    return MethodRow(
        id=method.id,
        label=build_method_label(method),
        state=method_state(method, today),
        is_default=method.is_default,
        last_used_on=method.last_used_at.astimezone(zone).date() if method.last_used_at else None,
    )


def build_method_label(method: MethodRecord) -> MethodLabel:
    """A saved method as pages name it."""
    return MethodLabel(
        type=method.type, brand=method.brand, last4=method.last4, nickname=method.nickname, phone=method.phone,
        bank_name=method.bank_name, exp_month=method.exp_month, exp_year=method.exp_year,
    )  # fmt: skip
