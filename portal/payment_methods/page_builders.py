"""Builds the pages of saved methods from rows. No queries, no texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from portal.payment_methods.pages import MethodEntry, MethodLabel, MethodRow, SetupPage, UseRow
from portal.payment_methods.queries.own_methods import MethodDetailRecord, MethodRecord
from portal.payment_methods.queries.setups import SetupRecord
from portal.payment_methods.rules import UNUSABLE, Use, method_state


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


@dataclass(frozen=True, slots=True)
class OpenMethod:
    """What of which method stands open, with what was typed or chosen there; fields as in MethodEntry. None: what is stored."""

    id: str
    open: str
    nickname: str | None = None
    fault: str = ""
    chosen: str | None = None
    is_choice_missing: bool = False


def build_method_entries(
    methods: Sequence[MethodRecord],
    details: Mapping[str, MethodDetailRecord],
    uses: Iterable[Use],
    *,
    opened: OpenMethod | None,
    gateway_names: Mapping[str, str],
    payee: str,
    root: str,
    today: date,
    zone: tzinfo,
) -> tuple[MethodEntry, ...]:
    """All of the customer's methods with what depends on each. `gateway_names` are titles by a gateway's name; `payee` stands for one
    that is not there any more."""
    rows = {method.id: build_method_row(method, today=today, zone=zone) for method in methods}
    usable = [row for row in rows.values() if row.state not in UNUSABLE]
    uses_of: dict[str, list[Use]] = {}
    for use in uses:
        uses_of.setdefault(use.method_id, []).append(use)
    entries = []
    for method in methods:
        row, detail = rows[method.id], details[method.id]
        here = opened if opened is not None and opened.id == method.id else OpenMethod(method.id, "")
        candidates = tuple(other for other in usable if other.id != method.id)
        entries.append(
            MethodEntry(
                row,
                gateway_name=gateway_names.get(detail.gateway, payee),
                added_on=detail.created_at.astimezone(zone).date(),
                open=here.open,
                nickname=(method.nickname or "") if here.nickname is None else here.nickname,
                fault=here.fault,
                holder=detail.holder,
                consent_on=detail.consent_at.astimezone(zone).date() if detail.consent_at else None,
                consent_wording=detail.consent_wording,
                consent_locale=detail.consent_locale,
                can_be_default=not row.is_default and row.state not in UNUSABLE,
                uses=build_use_rows(uses_of.get(method.id, ()), root=root),
                candidates=candidates,
                chosen=_proposed_successor(candidates) if here.chosen is None else here.chosen,
                is_choice_missing=here.is_choice_missing,
            )
        )
    return tuple(entries)


def _proposed_successor(candidates: Sequence[MethodRow]) -> str:
    """Return the only one, or the default, which the customer has chosen before; "" where nothing speaks for one of them."""
    if len(candidates) == 1:
        return candidates[0].id
    return next((row.id for row in candidates if row.is_default), "")


def build_use_rows(uses: Iterable[Use], *, root: str) -> tuple[UseRow, ...]:
    """What depends on a method, each with the page on which it is seen."""
    places = {"checkout": "checkout", "payment": "payments"}
    return tuple(
        UseRow(use.kind, f"{root}/{places[use.kind]}/{use.id}", use.title, use.amount, use.currency) for use in uses
    )


def build_setup_page(setup: SetupRecord, method: MethodRecord | None, *, gateway_name: str, root: str) -> SetupPage:
    """The progress of a new method; `method` is the saved one, if it still exists."""
    replaces = f"?replaces={setup.replaces}" if setup.replaces else ""
    return SetupPage(
        id=setup.id,
        status=setup.status,
        gateway_name=gateway_name,
        start_url=f"{root}/payment-methods/new{replaces}",
        continue_url=setup.action_url,
        failure_code=setup.failure_code,
        method_id=method.id if method else None,
        method=build_method_label(method) if method else None,
        has_replaced=setup.replaces is not None and setup.replaces != setup.payment_method_id,
    )
