"""API keys: their parts, and what is stored of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.merchants.errors import UnknownScope
from portal.merchants.rules.merchants import SCOPES, checked_scopes, new_api_key, read_api_key, shown_prefix
from portal.public_ids import new_id

MERCHANT = new_id("mer", datetime(2026, 3, 19, tzinfo=UTC))


@pytest.mark.parametrize("mode", ["test", "live"])
def test_key_contains_its_mode_and_merchant(mode):
    key = new_api_key(mode, MERCHANT)

    found = read_api_key(key)

    assert key.startswith(f"sk_{mode}_")
    assert found is not None
    assert (found.mode, found.merchant_id) == (mode, MERCHANT)


def test_damaged_key_fails_its_checksum():
    key = new_api_key("test", MERCHANT)

    for place in range(len(key)):
        damaged = key[:place] + ("a" if key[place] != "a" else "b") + key[place + 1 :]
        assert read_api_key(damaged) is None


@pytest.mark.parametrize("text", ["", "sk_test_", "é" * 66, "sk_test_" + "a" * 58, "Bearer x", "sk_live_" + "\n" * 58])
def test_anything_else_is_no_key(text):
    assert read_api_key(text) is None


def test_keys_differ_and_their_shown_parts_do_too():
    keys = [new_api_key("test", MERCHANT) for _ in range(50)]

    assert len({shown_prefix(key) for key in keys}) == 50
    digests = {found.digest for key in keys if (found := read_api_key(key))}
    assert len(digests) == 50


def test_scopes_are_a_closed_list():
    assert checked_scopes([]) == list(SCOPES)
    assert checked_scopes(["payments:write", "customers:read", "payments:write"]) == [
        "customers:read",
        "payments:write",
    ]
    with pytest.raises(UnknownScope, match="everything"):
        checked_scopes(["everything"])
