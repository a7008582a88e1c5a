"""The decisions about a payment: which status follows which, what an outcome means, when to ask again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gateways.contract import FAILURE_CODES, ChargeOutcome, State
from portal.money import Money
from portal.payments.rules import statuses

ORDERED = Money(5000, "USD")
STATUSES = st.sampled_from(statuses.PAYMENT_STATUSES)
OUTCOMES = st.builds(
    ChargeOutcome,
    state=st.sampled_from(State),
    reference=st.just("pay_1"),
    money=st.just(ORDERED),
    failure_code=st.sampled_from([None, *sorted(FAILURE_CODES)]),
)


def decide(status: str, outcome: ChargeOutcome, *, was_opened: bool = False) -> statuses.StatusDecision:
    return statuses.decide_status(status, ORDERED, "pay_1", outcome, was_opened=was_opened)


def test_every_status_has_its_transitions():
    assert set(statuses.TRANSITIONS) == set(statuses.PAYMENT_STATUSES)
    assert {after for following in statuses.TRANSITIONS.values() for after in following} <= set(
        statuses.PAYMENT_STATUSES
    )


def test_statuses_fall_into_kinds_that_do_not_overlap():
    kinds = [{"incomplete"}, statuses.UNSETTLED, statuses.CAPTURED, statuses.ENDED_WITHOUT_MONEY]

    assert sorted(status for kind in kinds for status in kind) == sorted(statuses.PAYMENT_STATUSES)


@given(STATUSES, OUTCOMES, st.booleans())
def test_decision_is_always_an_allowed_transition_or_none(status: str, outcome: ChargeOutcome, was_opened: bool):
    decision = decide(status, outcome, was_opened=was_opened)

    assert decision.status == status or statuses.may_follow(status, decision.status)


@given(OUTCOMES, st.booleans())
def test_money_that_came_never_becomes_money_that_did_not(outcome: ChargeOutcome, was_opened: bool):
    for status in statuses.CAPTURED:
        assert decide(status, outcome, was_opened=was_opened).status in statuses.CAPTURED


@given(STATUSES, OUTCOMES)
def test_same_outcome_again_changes_nothing(status: str, outcome: ChargeOutcome):
    once = decide(status, outcome).status

    assert decide(once, outcome).status == once


@pytest.mark.parametrize("status", sorted(statuses.UNSETTLED | statuses.ENDED_WITHOUT_MONEY))
def test_success_is_booked_even_after_we_gave_up(status: str):
    assert decide(status, ChargeOutcome(State.SUCCEEDED, "pay_1", money=ORDERED)).status == "complete"


@pytest.mark.parametrize("state", [State.UNKNOWN, State.ABSENT])
@pytest.mark.parametrize("status", statuses.PAYMENT_STATUSES)
def test_what_is_not_known_changes_nothing(status: str, state: State):
    assert decide(status, ChargeOutcome(state, "pay_1")) == statuses.StatusDecision(status)


@pytest.mark.parametrize(
    "outcome",
    [
        ChargeOutcome(State.SUCCEEDED, "pay_2", money=ORDERED),
        ChargeOutcome(State.SUCCEEDED, "pay_1", money=Money(4999, "USD")),
        ChargeOutcome(State.SUCCEEDED, "pay_1", money=Money(5000, "CAD")),
        ChargeOutcome(State.SUCCEEDED, "pay_1"),
        ChargeOutcome(State.PENDING, "pay_1", money=Money(1, "USD")),
    ],
)
def test_outcome_of_other_money_is_a_contradiction(outcome: ChargeOutcome):
    assert decide("processing", outcome) == statuses.StatusDecision("processing", is_contradiction=True)


@pytest.mark.parametrize("status", sorted(statuses.CAPTURED))
def test_failure_after_success_is_a_contradiction(status: str):
    assert decide(status, ChargeOutcome(State.FAILED, "pay_1")) == statuses.StatusDecision(
        status, is_contradiction=True
    )


@pytest.mark.parametrize(
    ("code", "was_opened", "status"),
    [
        ("card_declined", True, "failed"),
        ("insufficient_funds", False, "failed"),
        ("returned_unpaid", False, "failed"),
        (None, False, "failed"),
        ("payer_canceled", True, "canceled"),
        ("page_canceled", True, "canceled"),
        ("page_expired", True, "abandoned"),
        ("page_expired", False, "expired"),
        ("timeout", True, "expired"),
        ("method_invalid", False, "rejected"),
    ],
)
def test_failure_is_named_after_what_happened(code: str | None, was_opened: bool, status: str):
    outcome = ChargeOutcome(State.FAILED, "pay_1", money=ORDERED, failure_code=code)

    assert decide("processing", outcome, was_opened=was_opened).status == status


def test_unknown_is_looked_up_ever_less_often_and_never_abandoned():
    now = datetime(2026, 3, 19, tzinfo=UTC)
    waits = [statuses.next_check(count, now) - now for count in range(30)]

    assert waits[:6] == [
        timedelta(seconds=10),
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
    ]
    assert waits == sorted(waits) and waits[-1] == timedelta(days=1)


def test_page_that_nobody_of_ours_opened_expired_and_was_not_abandoned():
    outcome = ChargeOutcome(State.FAILED, "pay_1", failure_code="page_expired")

    assert statuses.decide_status("requires_action", ORDERED, "pay_1", outcome).status == "expired"


def test_end_that_may_not_follow_is_a_failure():
    outcome = ChargeOutcome(State.FAILED, "pay_1", failure_code="page_expired")

    assert decide("pending", outcome, was_opened=True).status == "failed"


@pytest.mark.parametrize("code", ["method_invalid", "amount_unsupported"])
def test_order_that_reached_no_bank_is_rejected(code: str):
    assert decide("processing", ChargeOutcome(State.FAILED, "pay_1", failure_code=code)).status == "rejected"


def test_unknown_is_a_persons_matter_after_a_week_and_late_money_is_looked_for_a_month():
    assert timedelta(days=7) == statuses.STUCK_AFTER
    assert timedelta(days=30) == statuses.LATE_MONEY_WITHIN
