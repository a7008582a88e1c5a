"""Card numbers among other words: found however they are written, and not found in what only looks like one."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.contacts import holds_card_number, mask_card_numbers
from portal.public_ids import new_id

SAMPLES = 100_000
CARDS = (
    "4242424242424242",
    "4000000000009995",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "3566002020360505",
    "6200000000000005",
    "5060990580000217499",
)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize(
    "between", ["", " ", "-", "\u00a0", "\u202f", "\u2009", "\u2013", ".", "  ", "\u200b", " - ", "\t"]
)
def test_card_number_is_seen_however_it_is_parted(card: str, between: str) -> None:
    groups = [card[place : place + 4] for place in range(0, len(card), 4)]

    assert holds_card_number(f"my card {between.join(groups)}, thanks")


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242 08/30 123",
        "4242 4242 4242 4242 08 30 123",
        "order 2026 11 24 4242 4242 4242 4242",
        "3782 822463 10005",
        "2 4242424242424242",
        "４２４２４２４２４２４２４２４２",
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "visa:4242424242424242;",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "4242424242424242\n5555555555554444",
    ],
)
def test_card_number_is_seen_beside_other_signs(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "+237 670 00 00 00",
        "+49 1512 3456787",
        "ACME-0001",
        "536365",
        "2026-01-31T12:00:00",
        "4242424242424241",
        "1234567890123456",
        "DE89 3704 0044 0532 0130 00",
        "1 240 500 325 980 45 12 8 640",
        "0" * 40,
        "",
    ],
)
def test_other_numbers_are_no_card_number(text: str) -> None:
    assert not holds_card_number(text)
    assert mask_card_numbers(text) == text


def test_masked_text_keeps_its_other_words() -> None:
    text = "a 4242 4242 4242 4242 08 30, b 5555555555554444."

    assert mask_card_numbers(text) == "a •••• 4242 08 30, b •••• 4444."


@given(st.text(alphabet="0123456789 -.x", max_size=80))
def test_nothing_is_seen_in_what_was_masked(text: str) -> None:
    assert not holds_card_number(mask_card_numbers(text))


def _phone(chance: random.Random) -> str:
    number = f"{chance.randrange(1, 999)}{chance.randrange(10**6, 10**10)}"
    return chance.choice(
        [f"+{number}", f"+{number[:3]} {number[3:6]} {number[6:]}", f"00{number}", f"({number[:3]}) {number[3:]}"]
    )


def _invoice_number(chance: random.Random) -> str:
    count, year = chance.randrange(10**6), chance.randrange(2015, 2030)
    return chance.choice(
        [f"ACME-{count:06d}", f"{year}-{count:05d}", f"{year}{count:08d}", f"INV/{year}/{count}", f"{count}"]
    )


def _amount(chance: random.Random) -> str:
    minor = chance.randrange(10**9)
    return chance.choice(
        [f"{minor // 100}.{minor % 100:02d}", f"{minor:,}", f"{minor:,}".replace(",", "\u202f"), str(minor)]
    )


def _instant(chance: random.Random) -> str:
    at = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(500_000_000))
    return chance.choice(
        [at.isoformat(), at.strftime("%Y%m%d%H%M%S"), str(int(at.timestamp() * 1000)), at.strftime("%d.%m.%Y %H.%M")]
    )


def _public_id(chance: random.Random) -> str:
    return new_id(chance.choice(["pay", "inv", "pm", "cus"]), datetime(2026, 1, 1, tzinfo=UTC))


def _uuid(chance: random.Random) -> str:
    made = uuid.UUID(int=chance.getrandbits(128), version=4)
    return chance.choice([str(made), made.hex])


@pytest.mark.parametrize("make", [_phone, _invoice_number, _amount, _instant, _public_id, _uuid])
def test_fewer_than_one_in_a_thousand_other_numbers_is_taken_for_a_card(make: Callable[[random.Random], str]) -> None:
    chance = random.Random(2026)

    taken = [text for text in (make(chance) for _ in range(SAMPLES)) if holds_card_number(text)]

    assert len(taken) < SAMPLES // 1000, taken[:5]
