"""What an account needs: all of it, nothing else, and only keys of the merchant's own mode (threats 124)."""

from __future__ import annotations

import pytest

from portal.gateways.accounts import SECRETS, AccountRefused, checked_secrets, split_values

NOTCHPAY = {"public_key": "pk_test.Y2xl", "private_key": "sk_test.Z3Jh", "event_secrets": "hsk_test.new,hsk_test.old"}
LIVE_NOTCHPAY = {"public_key": "pk.Y2xl", "private_key": "sk.Z3Jh", "event_secrets": "hsk.new"}
STRIPE = {"secret_key": "sk_test_51", "event_secrets": "whsec_1"}
LIVE_STRIPE = {"secret_key": "rk_live_51", "event_secrets": "whsec_1,whsec_2"}


@pytest.mark.parametrize(
    ("gateway", "mode", "given"),
    [
        ("notchpay", "test", NOTCHPAY),
        ("notchpay", "test", NOTCHPAY | {"public_key": "pk_test_123456789", "private_key": "sk_test_123456789"}),
        ("notchpay", "test", NOTCHPAY | {"public_key": "sb.xxxxxxx"}),
        ("notchpay", "live", LIVE_NOTCHPAY),
        ("notchpay", "live", LIVE_NOTCHPAY | {"public_key": "pk_live_1", "private_key": "sk_live_1"}),
        ("notchpay", "live", LIVE_NOTCHPAY | {"public_key": "b.xxxxxxx"}),
        ("stripe", "test", STRIPE),
        ("stripe", "live", LIVE_STRIPE),
        ("sandbox", "test", {"secret_key": "sk_sandbox_acme", "event_secret": "x"}),
    ],
)
def test_complete_account_of_the_merchants_mode_is_stored_unchanged(gateway, mode, given):
    assert checked_secrets(gateway, mode, given) == given


@pytest.mark.parametrize(
    ("gateway", "mode", "given", "name"),
    [
        ("notchpay", "live", LIVE_NOTCHPAY | {"public_key": "pk_test.Y2xl"}, "public_key"),
        ("notchpay", "live", LIVE_NOTCHPAY | {"private_key": "sk_test_1"}, "private_key"),
        ("notchpay", "test", NOTCHPAY | {"public_key": "pk.Y2xl"}, "public_key"),
        ("notchpay", "test", NOTCHPAY | {"private_key": "sk.Z3Jh"}, "private_key"),
        ("stripe", "live", LIVE_STRIPE | {"secret_key": "sk_test_51"}, "secret_key"),
        ("stripe", "test", STRIPE | {"secret_key": "rk_live_51"}, "secret_key"),
    ],
)
def test_key_of_the_other_mode_is_named_and_not_repeated(gateway, mode, given, name):
    with pytest.raises(AccountRefused) as refusal:
        checked_secrets(gateway, mode, given)

    assert str(refusal.value).startswith(f"{name} is a key for {'test' if mode == 'live' else 'live'} payments")
    assert given[name] not in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "public_key, private_key, event_secrets is missing"),
        (NOTCHPAY | {"private_key": ""}, "private_key is missing"),
        (NOTCHPAY | {"event_secrets": " , "}, "event_secrets is missing"),
        (NOTCHPAY | {"secret_key": "sk_test_1"}, "notchpay has no secret_key"),
        (NOTCHPAY | {"private_key": "pk_test.Y2xl"}, "private_key does not begin as"),
        (NOTCHPAY | {"public_key": "test_pk.sk_live"}, "public_key does not begin as"),
        (NOTCHPAY | {"public_key": "pk_test.a b"}, "public_key has a character"),
        (NOTCHPAY | {"public_key": "pk_test.é"}, "public_key has a character"),
        (NOTCHPAY | {"public_key": "pk_test.a,b"}, "public_key has a character"),
        (NOTCHPAY | {"event_secrets": "good,bad\x00"}, "event_secrets has a character"),
    ],
)
def test_secret_that_is_missing_unknown_or_malformed_is_named(given, sentence):
    with pytest.raises(AccountRefused, match=sentence):
        checked_secrets("notchpay", "test", given)


def test_list_is_read_once_each_in_its_order():
    assert split_values(" new, old,,new ") == ["new", "old"]


def test_every_gateway_has_event_secrets_to_verify_by():
    assert all(any(secret.name.startswith("event_secret") for secret in secrets) for secrets in SECRETS.values())
