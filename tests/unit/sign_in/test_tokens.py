"""Links, codes and digests: bound to merchant, challenge and secret, and as good as random."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import CODE_LETTERS

NEW, OLD = b"n" * 40, b"o" * 40
KEYS = (NEW, OLD)
AT = datetime(2026, 3, 19, tzinfo=UTC)
MERCHANT, OTHER = "mer_a", "mer_b"
CHALLENGE = new_id("sic", AT)


def test_link_proves_its_challenge_at_its_merchant_alone():
    token = tokens.link_token(KEYS, MERCHANT, CHALLENGE)

    assert len(token) == 65
    assert tokens.challenge_of(KEYS, MERCHANT, token) == CHALLENGE
    assert tokens.challenge_of(KEYS, OTHER, token) is None
    assert tokens.challenge_of((b"x" * 40,), MERCHANT, token) is None


def test_older_secret_verifies_and_the_newest_signs():
    old_token = tokens.link_token((OLD,), MERCHANT, CHALLENGE)
    old_code = tokens.code_of((OLD,), MERCHANT, CHALLENGE)

    assert tokens.challenge_of(KEYS, MERCHANT, old_token) == CHALLENGE
    assert tokens.is_code_of(KEYS, MERCHANT, CHALLENGE, code=old_code)
    assert tokens.link_token(KEYS, MERCHANT, CHALLENGE) == tokens.link_token((NEW,), MERCHANT, CHALLENGE)
    assert not tokens.is_code_of((NEW,), MERCHANT, CHALLENGE, code=old_code)


@pytest.mark.parametrize("place", range(65))
def test_no_letter_of_a_link_can_be_changed(place):
    token = tokens.link_token(KEYS, MERCHANT, CHALLENGE)
    for letter in "A9_-z":
        changed = token[:place] + letter + token[place + 1 :]
        assert changed == token or tokens.challenge_of(KEYS, MERCHANT, changed) is None


@given(st.text())
def test_arbitrary_text_as_link_or_token_is_refused_without_an_error(text):
    assert tokens.challenge_of(KEYS, MERCHANT, text) is None
    tokens.token_digest(text)
    tokens.address_digest(KEYS, MERCHANT, text)
    tokens.network_digest(KEYS, MERCHANT, text)


def test_code_is_not_part_of_the_link_and_differs_by_merchant():
    code = tokens.code_of(KEYS, MERCHANT, CHALLENGE)

    assert code not in tokens.link_token(KEYS, MERCHANT, CHALLENGE)
    assert tokens.is_code_of(KEYS, MERCHANT, CHALLENGE, code=code)
    assert not tokens.is_code_of(KEYS, OTHER, CHALLENGE, code=code)
    assert not tokens.is_code_of(KEYS, MERCHANT, new_id("sic", AT), code=code)
    assert not tokens.is_code_of(KEYS, MERCHANT, CHALLENGE, code="é" * 8)


def test_letters_of_codes_are_spread_evenly():
    # The challenges are fixed, so the same codes come out in every run: no luck in this test.
    counts: Counter[tuple[int, str]] = Counter()
    for number in range(20_000):
        counts.update(enumerate(tokens.code_of(KEYS, MERCHANT, f"sic_{number:022d}")))

    for place in range(8):
        expected = 20_000 / 20
        chi_square = sum((counts[place, letter] - expected) ** 2 / expected for letter in CODE_LETTERS)
        assert chi_square < 43.9  # 19 degrees of freedom, p = 0.001


def test_guessing_within_the_limits_is_hopeless():
    codes, valid_at_once, secrets_in_use = len(CODE_LETTERS) ** 8, 2, 2
    settings = Settings.model_construct()

    an_hour = settings.sign_in_failures_per_address_per_hour * valid_at_once * secrets_in_use / codes
    in_a_row = settings.sign_in_failures_in_a_row * valid_at_once * secrets_in_use / codes

    assert an_hour < 4e-9
    assert in_a_row < 2e-8
    # All that one merchant allows, day and night: half a chance in some seventy years, with one secret and one code each.
    assert codes / settings.sign_in_failures_per_hour / 24 / 365.25 > 100


def test_digests_differ_by_merchant_and_purpose():
    digests = {
        tokens.address_digest(KEYS, MERCHANT, "unknown"),
        tokens.address_digest(KEYS, OTHER, "unknown"),
        tokens.network_digest(KEYS, MERCHANT, ""),
    }

    assert len(digests) == 3


def test_random_tokens_have_their_shape():
    assert tokens.is_token(tokens.new_token())
    assert len({tokens.new_token() for _ in range(1000)}) == 1000
    for text in ("", "a" * 42, "a" * 44, "é" * 43, "a" * 42 + "\n"):
        assert not tokens.is_token(text)
