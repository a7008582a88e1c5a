"""Stripe's hosted page for a payment: opened once a reference, saves cards only where requested, and read as it is now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.gateways.contract import State
from portal.money import Money
from tests.support.stripe_requests import MONEY, RETURN_URL
from tests.support.stripe_server import mischief as happens


def test_page_is_opened_with_our_reference_and_return_url(acme, stripe, build):
    request = build.page(locale="fr_CM")

    outcome = acme.open_page(request)

    (session,) = stripe.books.objects["checkout.session"].values()
    assert (outcome.state, outcome.action_url) == (State.REQUIRES_ACTION, session["url"])
    assert (outcome.page_reference, outcome.gateway_reference) == (session["id"], None)
    (received,) = stripe.requests
    assert (received.key, session["client_reference_id"]) == (request.reference, request.reference)
    assert received.given["payment_intent_data"]["metadata"] == {"portal_reference": request.reference}
    assert (session["success_url"], session["cancel_url"], session["locale"]) == (RETURN_URL, RETURN_URL, "fr")
    assert session["customer_email"] == "maya@lindqvist.example"
    assert received.given["adaptive_pricing"] == {"enabled": "false"}


def test_page_ends_by_itself_between_three_and_four_hours_after_it_was_opened(acme, stripe, build, clock):
    acme.open_page(build.page())

    (session,) = stripe.books.objects["checkout.session"].values()
    lasts = timedelta(seconds=session["expires_at"] - clock.now().timestamp())
    assert timedelta(hours=3) <= lasts <= timedelta(hours=4)


def test_page_that_was_paid_is_a_success_with_its_card_and_no_token(acme, stripe, build):
    request = build.page()
    opened = acme.open_page(request)

    stripe.books.pay_page(opened.page_reference)
    outcome = acme.look_up(build.lookup(request, opened))

    assert (outcome.state, outcome.reference, outcome.money) == (State.SUCCEEDED, request.reference, MONEY)
    assert (outcome.gateway_reference or "").startswith("pi_")
    assert outcome.page_reference == opened.page_reference
    assert outcome.method is not None
    assert (outcome.method.last4, outcome.method.fingerprint) == ("4242", "fp24242424242424")
    assert outcome.method.token is None
    assert "setup_future_usage" not in stripe.requests[0].given["payment_intent_data"]


def test_card_is_saved_when_requested_and_can_be_charged_later(acme, stripe, build):
    request = build.page(save=True)
    opened = acme.open_page(request)

    stripe.books.pay_page(opened.page_reference)
    kept = acme.look_up(build.lookup(request, opened)).method
    later = acme.charge(build.charge(kept.token))

    assert stripe.requests[0].given["payment_intent_data"]["setup_future_usage"] == "off_session"
    assert later.state is State.SUCCEEDED


def test_customer_with_a_saved_card_stays_one_customer_at_stripe(acme, stripe, build):
    build.known_token = stripe.books.keep_card()
    request = build.page(save=True)
    opened = acme.open_page(request)

    stripe.books.pay_page(opened.page_reference, "5555555555554444")
    token = acme.look_up(build.lookup(request, opened)).method.token

    assert token.partition("/")[0] == build.known_token.partition("/")[0]
    assert len(stripe.books.objects["customer"]) == 1


def test_same_card_twice_has_one_fingerprint(acme, stripe, build):
    fingerprints = []
    for _ in range(2):
        request = build.page(save=True)
        opened = acme.open_page(request)
        stripe.books.pay_page(opened.page_reference)
        fingerprints.append(acme.look_up(build.lookup(request, opened)).method.fingerprint)

    assert fingerprints[0] == fingerprints[1]


def test_customer_that_was_deleted_at_stripe_can_still_pay(acme, stripe, build):
    build.known_token = stripe.books.keep_card()
    stripe.books.delete_customer(build.known_token.partition("/")[0])
    request = build.page()

    first, second = acme.open_page(request), acme.open_page(request)

    assert (first.state, first.page_reference) == (State.REQUIRES_ACTION, second.page_reference)
    assert len(stripe.books.objects["checkout.session"]) == 1


def test_declined_card_leaves_the_page_open_for_another(acme, stripe, build):
    request = build.page()
    opened = acme.open_page(request)

    stripe.books.pay_page(opened.page_reference, "4000000000009995")
    declined = acme.look_up(build.lookup(request, opened))
    stripe.books.pay_page(opened.page_reference)
    paid = acme.look_up(build.lookup(request, opened))

    assert (declined.state, declined.action_url) == (State.REQUIRES_ACTION, opened.action_url)
    assert paid.state is State.SUCCEEDED
    assert len(stripe.books.captured) == 1


@pytest.mark.parametrize(("proves", "state"), [(True, State.SUCCEEDED), (False, State.REQUIRES_ACTION)])
def test_bank_authenticates_on_stripes_page(acme, stripe, build, proves, state):
    request = build.page()
    opened = acme.open_page(request)

    stripe.books.pay_page(opened.page_reference, "4000000000003220", proves=proves)

    assert acme.look_up(build.lookup(request, opened)).state is state


def test_page_with_a_slow_bank_is_pending_and_cannot_be_cancelled(acme, stripe, build):
    stripe.books.pays_later = True
    request = build.page()
    opened = acme.open_page(request)

    stripe.books.pay_page(opened.page_reference)
    pending = acme.look_up(build.lookup(request, opened))
    after_calling_off = acme.cancel(build.lookup(request, pending))
    stripe.books.settle(pending.gateway_reference, ("card_declined", "insufficient_funds"))
    ended = acme.look_up(build.lookup(request, pending))

    assert (pending.state, after_calling_off.state) == (State.PENDING, State.PENDING)
    assert (ended.state, ended.failure_code) == (State.FAILED, "insufficient_funds")


def test_page_that_nobody_paid_has_expired(acme, stripe, build, clock):
    request = build.page()
    opened = acme.open_page(request)

    clock.advance(hours=4)
    outcome = acme.look_up(build.lookup(request, opened))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "page_expired")


@pytest.mark.parametrize("is_known", [True, False])
def test_cancelled_page_cannot_be_paid_any_more(acme, stripe, build, is_known):
    request = build.page()
    opened = acme.open_page(request)

    outcome = acme.cancel(build.lookup(request, opened if is_known else None))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "page_canceled")
    assert stripe.books.get("checkout.session", opened.page_reference)["url"] is None


def test_page_that_was_paid_at_that_moment_is_returned_as_paid_when_it_is_cancelled(acme, stripe, build):
    request = build.page()
    opened = acme.open_page(request)
    stripe.before = lambda seen: stripe.books.pay_page(opened.page_reference) if seen.path.endswith("/expire") else None

    assert acme.cancel(build.lookup(request, opened)).state is State.SUCCEEDED


def test_same_reference_again_is_the_same_page_as_it_is_now(acme, stripe, build):
    request = build.page()
    opened = acme.open_page(request)
    stripe.books.pay_page(opened.page_reference)

    again = acme.open_page(request)

    assert (again.state, again.page_reference) == (State.SUCCEEDED, opened.page_reference)
    assert len(stripe.books.objects["checkout.session"]) == 1


def test_page_that_cannot_be_read_again_is_unknown_and_no_failure(acme, stripe, build):
    request = build.page()
    acme.open_page(request)
    stripe.mischief = [None, happens.refused(404, "resource_missing")]

    assert acme.open_page(request).state is State.UNKNOWN


def test_same_reference_hours_later_is_the_same_page(acme, stripe, build, clock):
    request = build.page()
    opened = acme.open_page(request)
    clock.advance(hours=2)

    again = acme.open_page(request)

    assert (again.state, again.page_reference) == (State.REQUIRES_ACTION, opened.page_reference)
    assert len(stripe.books.objects["checkout.session"]) == 1


@pytest.mark.parametrize(
    "mischief",
    [
        happens.LOST,
        happens.NEVER_ARRIVED,
        happens.TRUNCATED,
        happens.STORED_FAULT,
        happens.refused(429),
        happens.refused(503),
    ],
)
def test_page_without_a_response_is_unknown_and_opened_once(acme, stripe, build, mischief):
    request = build.page()
    stripe.mischief = [mischief]

    lost = acme.open_page(request)
    found = acme.look_up(build.lookup(request))
    again = acme.open_page(request)

    assert lost.state is State.UNKNOWN
    assert found.state is (State.REQUIRES_ACTION if mischief.acts else State.ABSENT)
    assert again.state is (State.UNKNOWN if mischief.keeps else State.REQUIRES_ACTION)
    assert len(stripe.books.objects.get("checkout.session", {})) == (0 if mischief.keeps else 1)


def test_page_of_yesterday_is_not_opened_any_more(acme, stripe, build, clock):
    request = build.page()
    clock.advance(hours=24)

    outcome = acme.open_page(request)

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "timeout")
    assert "checkout.session" not in stripe.books.objects


@pytest.mark.parametrize("money", [Money(5124, "KWD"), Money(100_000_000, "USD"), Money(500, "BAM")])
def test_amount_that_stripe_does_not_accept_is_unsupported(acme, build, money):
    outcome = acme.open_page(build.page(money))

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "amount_unsupported")


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("en", "en"), ("fr", "fr"), ("fr_CA", "fr-CA"), ("pt-BR", "pt-BR"), ("de_AT", "de"), ("wo", "auto")],
)
def test_page_has_the_language_if_stripe_supports_it(acme, stripe, build, locale, expected):
    acme.open_page(build.page(locale=locale))

    assert stripe.requests[0].given["locale"] == expected
