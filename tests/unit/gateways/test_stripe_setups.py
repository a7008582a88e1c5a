"""Keeping a card at Stripe without paying, and having it forgotten."""

from __future__ import annotations

import pytest

from portal.gateways.contract import Lookup, State
from tests.support.stripe_server import mischief as happens


def _lookup(request, clock, known=None):
    return Lookup(request.reference, clock.now(), None, known.page_reference if known else None)


def test_card_is_saved_on_stripes_page_and_charged_later(acme, stripe, build, clock):
    request = build.setup()

    opened = acme.open_setup(request)
    stripe.books.pay_page(opened.page_reference)
    outcome = acme.look_up_setup(_lookup(request, clock, opened))
    charged = acme.charge(build.charge(outcome.method.token))

    assert (opened.state, opened.reference) == (State.REQUIRES_ACTION, request.reference)
    assert opened.action_url.endswith(opened.page_reference)
    assert (outcome.state, outcome.reference, outcome.method.last4) == (State.SUCCEEDED, request.reference, "4242")
    assert charged.state is State.SUCCEEDED
    assert len(stripe.books.captured) == 1


def test_second_card_goes_to_the_same_customer_and_the_same_card_has_one_fingerprint(acme, stripe, build, clock):
    kept = []
    for number in ("4242424242424242", "4242424242424242", "5555555555554444"):
        request = build.setup()
        opened = acme.open_setup(request)
        stripe.books.pay_page(opened.page_reference, number)
        kept.append(acme.look_up_setup(_lookup(request, clock, opened)).method)
        build.known_token = kept[-1].token

    assert {method.token.partition("/")[0] for method in kept} == {kept[0].token.partition("/")[0]}
    assert kept[0].fingerprint == kept[1].fingerprint != kept[2].fingerprint


def test_bank_authenticates_on_the_page_and_the_card_is_charged_without_it_afterwards(acme, stripe, build, clock):
    request = build.setup()
    opened = acme.open_setup(request)

    stripe.books.pay_page(opened.page_reference, "4000002500003155", proves=False)
    refused = acme.look_up_setup(_lookup(request, clock, opened))
    stripe.books.pay_page(opened.page_reference, "4000002500003155")
    kept = acme.look_up_setup(_lookup(request, clock, opened))

    assert (refused.state, kept.state) == (State.REQUIRES_ACTION, State.SUCCEEDED)
    assert acme.charge(build.charge(kept.method.token)).state is State.SUCCEEDED


@pytest.mark.parametrize("mischief", [happens.LOST, happens.NEVER_ARRIVED, happens.TRUNCATED, happens.refused(500)])
def test_setup_without_a_response_is_unknown_and_one_page_in_the_end(acme, stripe, build, clock, mischief):
    request = build.setup()
    stripe.mischief = [mischief]

    lost = acme.open_setup(request)
    found = acme.look_up_setup(_lookup(request, clock))
    again = acme.open_setup(request)

    assert lost.state is State.UNKNOWN
    assert found.state is (State.REQUIRES_ACTION if mischief.acts else State.ABSENT)
    assert again.state is State.REQUIRES_ACTION
    assert len(stripe.books.objects["checkout.session"]) == 1


def test_abandoned_setup_has_expired(acme, stripe, build, clock):
    request = build.setup()
    opened = acme.open_setup(request)

    clock.advance(hours=4)
    outcome = acme.look_up_setup(_lookup(request, clock, opened))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "page_expired")


def test_look_up_that_fails_is_unknown(acme, stripe, build, clock):
    request = build.setup()
    stripe.mischief = [happens.refused(500)]

    assert acme.look_up_setup(_lookup(request, clock)).state is State.UNKNOWN


def test_customer_that_was_deleted_at_stripe_can_save_a_card(acme, stripe, build, clock):
    build.known_token = stripe.books.keep_card()
    stripe.books.delete_customer(build.known_token.partition("/")[0])
    request = build.setup()

    opened = acme.open_setup(request)
    stripe.books.pay_page(opened.page_reference)

    assert acme.look_up_setup(_lookup(request, clock, opened)).state is State.SUCCEEDED


def test_setup_of_yesterday_is_not_opened_any_more(acme, stripe, build, clock):
    request = build.setup()
    clock.advance(hours=23)

    assert acme.open_setup(request).state is State.ABSENT
    assert "checkout.session" not in stripe.books.objects


def test_detached_card_cannot_be_charged(acme, stripe, build):
    token = stripe.books.keep_card()

    assert acme.detach(token)
    assert acme.detach(token)
    assert acme.charge(build.charge(token)).failure_code == "method_invalid"


@pytest.mark.parametrize("token", ["cus_9/pm_999", "tok_of_another_gateway"])
def test_card_that_stripe_never_had_counts_as_detached(acme, token):
    assert acme.detach(token)


@pytest.mark.parametrize(
    "mischief", [happens.NEVER_ARRIVED, *(happens.refused(status) for status in (400, 401, 429, 500))]
)
def test_card_is_not_detached_until_stripe_confirms_it(acme, stripe, mischief):
    token = stripe.books.keep_card()
    stripe.mischief = [mischief]

    assert not acme.detach(token)
    assert acme.detach(token)
