"""The pure decisions of signing in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.outbox.rules import LEASE, MAX_ATTEMPTS, retry_delay
from portal.sign_in.forms import echoed
from portal.sign_in.page_builders import build_target
from portal.sign_in.rules.challenges import (
    CODE_LETTERS,
    ChallengeState,
    CodeFault,
    challenge_state,
    checked_target,
    format_code,
    is_address,
    mask_address,
    read_code,
)
from portal.web.local_redirects import is_local_path

AT = datetime(2026, 3, 19, 10, 42, tzinfo=UTC)
codes = st.text(alphabet=CODE_LETTERS, min_size=8, max_size=8)


@given(codes)
def test_code_is_read_as_it_is_shown(code):
    assert read_code(format_code(code)) == code
    assert read_code(f"  {format_code(code).lower()}\n") == code


@given(codes)
def test_letters_that_look_alike_are_read_as_the_digit(code):
    assert read_code(code.replace("0", "o").replace("1", "l")) == code
    assert read_code(code.replace("1", "I")) == code


@given(st.text())
def test_reading_a_code_never_raises(text):
    read = read_code(text)

    assert isinstance(read, CodeFault) or (len(read) == 8 and set(read) <= set(CODE_LETTERS))


def test_missing_characters_are_counted():
    assert read_code("K7QM-2X") == CodeFault(2)
    assert read_code("K7QM-2XPA9") == CodeFault(-1)
    assert read_code("") == CodeFault(8)


@given(st.text())
def test_target_is_local_or_the_overview(text):
    target = checked_target(text)

    assert target in (text, "/")
    assert is_local_path(target)
    assert is_local_path(f"/acme{target}")


@given(st.text(alphabet="/\\.%2f5cEe:?#@&=a \t\r\n"))
def test_target_of_dangerous_characters_is_local_or_the_overview(text):
    assert is_local_path(checked_target(text))


@pytest.mark.parametrize(
    "target",
    ["/", "/invoices", "/invoices/inv_032kbShSLbF8iRm1FXK4Ro", "/payments.csv", "/payments?status=failed&after=2026-03-01.inv_1", "/checkout?invoice=inv_1&invoice=inv_2"],
)  # fmt: skip
def test_local_target_is_returned_unchanged(target):
    assert checked_target(target) == target


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "overview"), ("/?status=paid", "overview"), ("/invoices?status=paid", "invoices"), ("/payments", "payments"),
        ("/invoices/inv_032kbShSLbF8iRm1FXK4Ro", "invoice"), ("/payments/pay_032kbShSLbF8iRm1FXK4Ro", "payment"),
        ("/invoices/cus_032kbShSLbF8iRm1FXK4Ro", "other"), ("/payment-methods", "payment_methods"),
        ("/payment-methods/pm_032kbShSLbF8iRm1FXK4Ro", "payment_methods"), ("/payments.csv", "other"),
        ("/checkout/pay_032kbShSLbF8iRm1FXK4Ro", "checkout"), ("/checkout?invoice=inv_1", "checkout"),
        ("/payments/pay_1/receipt.pdf", "other"), ("/security", "other"),
    ],
)  # fmt: skip
def test_target_is_described_by_its_kind(path, kind):
    assert build_target(path).kind == kind


def test_challenge_goes_from_waiting_over_open_to_expired():
    mailed, expires = AT, AT + timedelta(minutes=10)

    def state(at, *, mailed_at=mailed, expires_at=expires, used_at=None):
        return challenge_state(mailed_at=mailed_at, expires_at=expires_at, used_at=used_at, at=at)

    assert state(AT, mailed_at=None, expires_at=None) is ChallengeState.WAITING
    assert state(AT) is ChallengeState.OPEN
    assert state(expires - timedelta(microseconds=1)) is ChallengeState.OPEN
    assert state(expires) is ChallengeState.EXPIRED
    assert state(AT - timedelta(seconds=1)) is ChallengeState.EXPIRED
    assert state(AT, used_at=AT + timedelta(minutes=1)) is ChallengeState.USED
    assert state(AT, used_at=expires) is ChallengeState.SUPERSEDED


@pytest.mark.parametrize(
    "address",
    [
        "maya@lindqvist.example",
        "MAYA+bills@Lindqvist.Example",
        "o'brien@shop.example",
        "用户@例子.example",
        "13085@shop.example",
    ],
)
def test_plain_address_is_valid(address):
    assert is_address(address)


@given(st.text(max_size=300))
def test_checking_an_address_never_raises(text):
    if is_address(text):
        assert text.count("@") == 1
        assert not set(text) & set('\r\n\t ,;:<>()[]"\\\0')
        assert "=?" not in text


def test_masked_address_shows_its_first_letter_and_its_domain():
    assert mask_address("maya@lindqvist.example") == "m•••@lindqvist.example"


@given(st.text())
def test_what_a_page_repeats_is_printable_and_short(text):
    assert all(character.isprintable() or character.isspace() for character in echoed(text))
    assert len(echoed(text * 50)) <= 254


def test_retry_delays_grow_to_an_hour_with_a_fifth_of_jitter():
    middle = [retry_delay(attempts, 0.5).total_seconds() for attempts in range(1, MAX_ATTEMPTS)]

    assert middle == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    assert retry_delay(1, 0).total_seconds() == 4
    assert retry_delay(1, 1).total_seconds() == 6
    assert LEASE.total_seconds() < 60
