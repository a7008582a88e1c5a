"""Which gateway an account opens: by its name and mode, and nobody pays for the SDK of a provider that is not used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from portal.gateways.accounts import AccountRefused
from portal.gateways.registry import make_gateway
from portal.settings import Settings

GIVEN = {"PORTAL_SECRET_KEY": "x" * 32}
SETTINGS = Settings.load({**GIVEN, "PORTAL_STRIPE_URL": "http://127.0.0.1:9"})


def test_account_at_stripe_uses_the_origin_of_the_settings_for_requests_and_pages():
    gateway = make_gateway(
        "stripe", "test", {"secret_key": "rk_test_51", "event_secrets": "whsec_new,whsec_old"}, SETTINGS
    )

    assert gateway is not None
    assert (gateway.name, gateway.form_action_origins) == ("stripe", ("http://127.0.0.1:9",))


def test_account_at_stripe_itself_admits_forms_to_checkout_and_to_the_banks():
    gateway = make_gateway(
        "stripe",
        "live",
        {"secret_key": "sk_live_51", "event_secrets": "whsec_1"},
        Settings.load(GIVEN),
    )

    assert gateway is not None
    assert gateway.form_action_origins == ("https://checkout.stripe.com", "https://hooks.stripe.com")


@pytest.mark.parametrize(("mode", "key"), [("live", "sk_test_51"), ("test", "rk_live_51")])
def test_account_with_a_key_of_the_other_mode_is_refused(mode, key):
    with pytest.raises(AccountRefused):
        make_gateway("stripe", mode, {"secret_key": key, "event_secrets": "whsec_1"}, SETTINGS)


def test_sdk_of_stripe_is_imported_when_it_is_used_and_not_before():
    source = "import sys, portal.app, portal.cli, portal.gateways.registry; sys.exit('stripe' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0
