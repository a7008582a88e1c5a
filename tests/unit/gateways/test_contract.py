"""The values that gateways return: whatever a provider put into them, they can be shown and stored."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gateways.contract import (
    METHOD_TYPES,
    ChargeOutcome,
    EventRefused,
    ListedCharge,
    MethodDetails,
    RefundOutcome,
    SetupOutcome,
    State,
    VerifiedEvent,
)
from portal.gateways.notchpay.parsing import read_transaction
from portal.gateways.sandbox.parsing import charge_outcome
from portal.money import Money

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VALUES = [
    MethodDetails("card"),
    ChargeOutcome(State.FAILED, "pay_1"),
    SetupOutcome(State.FAILED, "pms_1"),
    RefundOutcome(State.FAILED, "re_1"),
    ListedCharge("ch_1", None, State.SUCCEEDED, Money(1, "USD"), NOW),
    VerifiedEvent("evt_1", "charge.succeeded", None),
]


def stored_texts(value: Any) -> list[str]:
    """All but our own reference in an outcome: it is compared with what we sent, and never stored."""
    names = [each.name for each in fields(value) if str(each.type).startswith("str")]
    return [name for name in names if name != "reference" or isinstance(value, ListedCharge | VerifiedEvent)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@given(data=st.data())
def test_text_of_a_provider_can_be_shown_and_stored_whatever_it_is(value: Any, data: st.DataObject) -> None:
    stored = stored_texts(value)
    garbage = st.text(st.characters() | st.sampled_from("\x00\ud800\n\u202e"))
    raw = {name: data.draw(garbage) for name in stored if name != "event_id"}

    cleaned = replace(value, **raw)

    for name in stored:
        text = getattr(cleaned, name) or ""
        assert text.isprintable() and text.encode("utf-8", "ignore").decode() == text, name


def test_text_keeps_all_printable_characters() -> None:
    raw = ChargeOutcome(
        State.FAILED, "pay_1", failure_message="Refus\u00e9\u00a0: solde\r\n\tinsuffisant\x00 \ud800\u202e!"
    )

    assert raw.failure_message == "Refus\u00e9 : solde insuffisant !"


@pytest.mark.parametrize("raw", ["ch_\x00", "ch_\ud800", "x" * 256, ""])
def test_id_that_cannot_be_stored_unchanged_is_none(raw: str) -> None:
    assert ChargeOutcome(State.SUCCEEDED, "pay_1", gateway_reference=raw).gateway_reference is None
    assert MethodDetails("card", token=raw, fingerprint=raw) == MethodDetails("card")
    assert VerifiedEvent("evt_1", "charge.succeeded", raw, raw) == VerifiedEvent("evt_1", "charge.succeeded", None)


@pytest.mark.parametrize("event_id", ["", "evt_\x00", "x" * 256])
def test_event_whose_id_cannot_be_stored_is_refused(event_id: str) -> None:
    with pytest.raises(EventRefused):
        VerifiedEvent(event_id, "charge.succeeded", None)


def test_method_of_a_kind_that_we_do_not_know_is_another_one() -> None:
    assert [MethodDetails(kind).type for kind in (*METHOD_TYPES, "cash", "")] == [*METHOD_TYPES, "other", "other"]


@pytest.mark.parametrize(("month", "year"), [(0, 0), (13, 10_000), (10**12, 10**12), (-1, -1)])
def test_expiry_that_no_card_has_is_none(month: int, year: int) -> None:
    facts = MethodDetails("card", exp_month=month, exp_year=year)

    assert (facts.exp_month, facts.exp_year) == (None, None)


@pytest.mark.parametrize(
    "at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))]
)
def test_instant_that_not_every_timezone_can_express_is_none(at: datetime) -> None:
    assert ChargeOutcome(State.SUCCEEDED, "pay_1", completed_at=at).completed_at is None
    assert ChargeOutcome(State.SUCCEEDED, "pay_1", completed_at=NOW).completed_at == NOW


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "yesterday"])
def test_instant_beyond_the_calendar_leaves_the_rest_of_a_response_readable(at: str) -> None:
    raw = {"id": "ch_1", "reference": "pay_1", "amount": 500, "currency": "XAF", "completed_at": at, "created_at": at}

    charge = charge_outcome("pay_1", {**raw, "status": "succeeded"})
    transaction = read_transaction({**raw, "status": "complete"})

    assert (charge.state, charge.completed_at) == (State.SUCCEEDED, None)
    assert (transaction.state, transaction.completed_at, transaction.created_at) == (State.SUCCEEDED, None, None)
