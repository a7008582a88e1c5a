"""When invoices are reminded of, and the tokens of links in mails: pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.merchants.rules.notice_settings import Notices
from portal.notice_kinds import KINDS, STOPPABLE
from portal.notices.rules import (
    CATCH_UP_DAYS,
    agree_token,
    copy_of,
    copy_stop_token,
    is_reminding_hour,
    is_stop_proved,
    read_stop_token,
    reminder_windows,
    stop_token,
)

TODAY = date(2026, 3, 19)
KEYS = (b"k" * 32, b"old" * 11)
CUSTOMER, COPY = "cus_" + "c" * 22, "cpy_" + "d" * 22
DAYS = st.lists(st.integers(0, 60), max_size=10, unique=True)


@given(DAYS, st.lists(st.integers(1, 365), max_size=10, unique=True), st.integers(-400, 400))
def test_each_invoice_is_in_one_window_at_most_that_of_its_latest_day(before, after, due_in):
    notices, due_on = Notices(before_due=tuple(before), after_due=tuple(after)), TODAY + timedelta(due_in)
    passed = [days for days in (*(-each for each in before), *after, 1) if due_on + timedelta(days) <= TODAY]

    found = [each.days for each in reminder_windows(notices, TODAY) if each.first_due_on <= due_on <= each.last_due_on]

    latest = max(passed, default=None)
    is_true = latest is not None and (latest > 0) == (due_on < TODAY)
    is_recent = latest is not None and TODAY - due_on - timedelta(latest) <= timedelta(CATCH_UP_DAYS)
    assert found == ([latest] if is_true and is_recent else [])


def test_merchant_that_reminds_of_nothing_still_has_invoices_become_overdue():
    windows = reminder_windows(Notices(due_soon="never", overdue="never"), TODAY)

    assert [window.days for window in windows] == [1]


@pytest.mark.parametrize(("hour", "is_day"), [(0, False), (7, False), (8, True), (19, True), (20, False), (23, False)])
def test_reminders_are_sent_by_day(hour, is_day):
    assert is_reminding_hour(datetime(2026, 3, 19, hour, 59, tzinfo=UTC)) is is_day


def test_token_that_stops_is_proved_by_any_of_the_secrets_at_its_merchant_and_mailbox_alone():
    token = stop_token(KEYS[1:], "mer_1", CUSTOMER, "receipt", "maya@x.example")
    claim = read_stop_token(token)
    assert claim is not None and (claim.kind, claim.subject_id) == ("receipt", CUSTOMER)

    assert is_stop_proved(KEYS, "mer_1", claim, "maya@x.example")
    assert not is_stop_proved(KEYS, "mer_2", claim, "maya@x.example")
    assert not is_stop_proved(KEYS, "mer_1", claim, "noor@x.example")
    assert not is_stop_proved((b"n" * 32,), "mer_1", claim, "maya@x.example")


def test_token_of_a_copy_is_none_of_a_customer():
    claim = read_stop_token(copy_stop_token(KEYS, "mer_1", COPY, "a@x.example"))

    assert claim is not None and claim.subject_id == COPY
    as_customer = read_stop_token(f"receipt.{'d' * 22}.{claim.proof.decode()}")
    assert as_customer is not None and not is_stop_proved(KEYS, "mer_1", as_customer, "a@x.example")


def test_token_that_agrees_is_none_that_stops():
    token = agree_token(KEYS, "mer_1", COPY)

    assert copy_of(KEYS, "mer_1", token) == COPY
    assert copy_of(KEYS, "mer_2", token) is None and read_stop_token(token) is None
    stopping = copy_stop_token(KEYS, "mer_1", COPY, "a@x.example").rpartition(".")[2]
    assert copy_of(KEYS, "mer_1", COPY[4:] + stopping) is None


@given(st.text(max_size=120))
def test_any_text_is_read_as_a_token_or_as_none(text):
    assert read_stop_token(text) is None or text.count(".") == 2
    assert copy_of(KEYS, "mer_1", text) is None


def test_no_token_names_what_cannot_be_stopped():
    for kind in KINDS.values():
        token = stop_token(KEYS, "mer_1", CUSTOMER, kind.name, "maya@x.example")
        assert (read_stop_token(token) is not None) == (kind in STOPPABLE)


@pytest.mark.parametrize(
    ("sent", "chosen", "expected"),
    [
        ("never", True, False), ("never", None, False), ("off", None, False), ("off", True, True), ("on", None, True),
        ("on", False, False), ("off", False, False),
    ],
)  # fmt: skip
def test_merchant_and_customer_decide_together(sent, chosen, expected):
    assert Notices(receipt=sent).is_sent(KINDS["receipt"], chosen) is expected


def test_customers_choice_counts_for_nothing_that_cannot_be_stopped():
    assert Notices().is_sent(KINDS["overdue"], chosen=False)
    assert not Notices(overdue="never").is_sent(KINDS["overdue"], chosen=True)
    assert Notices().is_sent(KINDS["new_device"], chosen=False)
