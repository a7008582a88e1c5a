"""From rows to how a saved method is named and shown on pages. No queries, no words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, tzinfo

from portal.payment_methods.pages import MethodLabel, MethodPage, MethodRow, RemovalPage, SetupPage, UseRow
from portal.payment_methods.queries.own_methods import MethodFactsRecord, MethodRecord
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


def build_method_page(
    method: MethodRecord,
    facts: MethodFactsRecord,
    uses: Iterable[Use],
    *,
    gateway_name: str,
    can_replace: bool,
    root: str,
    today: date,
    zone: tzinfo,
    nickname: str | None = None,
    fault: str = "",
) -> MethodPage:
    """One method; `nickname` is what was typed, None for the one it has."""
    row = build_method_row(method, today=today, zone=zone)
    return MethodPage(
        id=row.id,
        label=row.label,
        state=row.state,
        is_default=row.is_default,
        gateway_name=gateway_name,
        added_on=facts.created_at.astimezone(zone).date(),
        nickname=(method.nickname or "") if nickname is None else nickname,
        fault=fault,
        holder=facts.holder,
        last_used_on=row.last_used_on,
        consent_on=facts.consent_at.astimezone(zone).date() if facts.consent_at else None,
        consent_wording=facts.consent_wording,
        consent_locale=facts.consent_locale,
        uses=build_use_rows(uses, root=root),
        can_be_default=not row.is_default and row.state not in UNUSABLE,
        can_replace=can_replace,
    )


def build_removal_page(
    method: MethodRecord,
    methods: Sequence[MethodRecord],
    uses: Iterable[Use],
    *,
    can_replace: bool,
    root: str,
    today: date,
    zone: tzinfo,
    chosen: str = "",
    is_fault: bool = False,
) -> RemovalPage:
    """The removal of one of the customer's `methods`: what depends on it, and who could take over."""
    rows = [build_method_row(each, today=today, zone=zone) for each in methods if each.id != method.id]
    return RemovalPage(
        id=method.id,
        label=build_method_label(method),
        is_default=method.is_default,
        uses=build_use_rows(uses, root=root),
        candidates=tuple(row for row in rows if row.state not in UNUSABLE),
        chosen=chosen,
        is_fault=is_fault,
        can_replace=can_replace,
    )


def build_use_rows(uses: Iterable[Use], *, root: str) -> tuple[UseRow, ...]:
    """What depends on a method, each with the page on which it is seen."""
    places = {"checkout": "checkout", "payment": "payments"}
    return tuple(
        UseRow(use.kind, f"{root}/{places[use.kind]}/{use.id}", use.title, use.amount, use.currency) for use in uses
    )


def build_setup_page(setup: SetupRecord, method: MethodRecord | None, *, gateway_name: str, root: str) -> SetupPage:
    """Where a new method stands; `method` is what came of it, if it is still saved."""
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
