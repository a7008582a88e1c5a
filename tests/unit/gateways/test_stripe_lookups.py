"""Lookups at Stripe: by its ids, else in lists that are read to their end; otherwise the outcome is unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.gateways.contract import Lookup, State
from portal.gateways.stripe.client import API_VERSION
from portal.gateways.stripe.gateway import StripeGateway
from portal.money import Money
from tests.support.stripe_server import SECRET_KEY
from tests.support.stripe_server import mischief as happens


@pytest.mark.parametrize("kind", ["charge", "page"])
def test_charge_whose_response_was_lost_is_found_in_the_list_over_many_pages(acme, stripe, build, clock, kind):
    request = build.charge(stripe.books.keep_card()) if kind == "charge" else build.page()
    stripe.mischief = [happens.LOST]
    acme.charge(request) if kind == "charge" else acme.open_page(request)
    lookup = build.lookup(request)
    for _ in range(5):
        clock.advance(minutes=1)
        stripe.books.charge_at_stripe(700)
        acme.open_page(build.page())
    stripe.api.largest_page = 2

    outcome = acme.look_up(lookup)

    assert outcome.state is (State.SUCCEEDED if kind == "charge" else State.REQUIRES_ACTION)
    assert outcome.reference == request.reference


def test_charge_that_never_arrived_is_absent_when_both_lists_were_read_to_their_end(acme, stripe, build):
    for _ in range(3):
        stripe.books.charge_at_stripe(700)
    stripe.api.largest_page = 1
    stripe.requests.clear()

    outcome = acme.look_up(build.lookup(build.page()))

    assert outcome.state is State.ABSENT
    assert stripe.requested == ["GET checkout/sessions"] + ["GET payment_intents"] * 3


@pytest.mark.parametrize(
    "fault",
    [
        happens.NEVER_ARRIVED,
        happens.TRUNCATED,
        happens.refused(429),
        happens.refused(500),
        happens.refused(401),
        happens.Mischief(True, 200, b'{"data": []}'),
        happens.Mischief(True, 200, b'{"data": [], "has_more": true}'),
        happens.Mischief(True, 200, b'{"data": [{}], "has_more": false}'),
        happens.Mischief(True, 200, b'{"data": null, "has_more": false}'),
    ],
)
@pytest.mark.parametrize("page", [0, 1, 3])
def test_list_that_breaks_off_is_unknown(acme, stripe, build, fault, page):
    for _ in range(3):
        stripe.books.charge_at_stripe(700)
    stripe.api.largest_page = 1
    stripe.mischief = [None] * page + [fault]

    assert acme.look_up(build.lookup(build.page())).state is State.UNKNOWN


def test_list_that_is_too_long_is_unknown(acme, stripe, build):
    for _ in range(101):
        stripe.books.charge_at_stripe(700)
    stripe.api.largest_page = 1

    assert acme.look_up(build.lookup(build.page())).state is State.UNKNOWN


def test_list_is_requested_for_the_time_in_which_the_charge_can_have_been_created(acme, stripe, build, clock):
    lookup = build.lookup(build.page())
    clock.advance(days=7)

    acme.look_up(lookup)

    between = stripe.requests[0].given["created"]
    first, last = (int(between[end]) - lookup.sent_at.timestamp() for end in ("gte", "lte"))
    assert (first, last) == (-600, timedelta(hours=24, minutes=10).total_seconds())


@pytest.mark.parametrize("known", [("pi_999", None), (None, "cs_test_999")])
def test_id_that_stripe_does_not_find_is_unknown_and_never_absent(acme, build, clock, known):
    lookup = Lookup(build.page().reference, clock.now(), *known)

    assert acme.look_up(lookup).state is State.UNKNOWN


def test_id_of_another_charge_is_returned_with_its_own_reference(acme, stripe, build, clock):
    theirs = build.charge(stripe.books.keep_card())
    outcome = acme.charge(theirs)

    found = acme.look_up(Lookup(build.page().reference, clock.now(), outcome.gateway_reference))

    assert found.reference == theirs.reference


def test_page_that_was_cancelled_long_ago_reads_as_expired(acme, stripe, build, clock):
    request = build.page()
    opened = acme.open_page(request)
    acme.cancel(build.lookup(request, opened))

    soon = acme.look_up(build.lookup(request, opened))
    clock.advance(hours=5)
    late = acme.look_up(build.lookup(request, opened))

    assert (soon.failure_code, late.failure_code) == ("page_canceled", "page_expired")


def test_charges_of_a_time_are_listed_oldest_first_ours_and_others(acme, stripe, build, clock):
    since = clock.now()
    ours = acme.charge(build.charge(stripe.books.keep_card()))
    clock.advance(minutes=1)
    declined = acme.charge(build.charge(stripe.books.keep_card("4000000000009995"), Money(70, "ISK")))
    clock.advance(minutes=1)
    theirs = stripe.books.charge_at_stripe(700, "eur")
    clock.advance(minutes=1)
    acme.open_page(build.page())
    until = clock.now()
    clock.advance(minutes=1)
    acme.charge(build.charge(stripe.books.keep_card()))
    stripe.api.largest_page = 1

    listed = acme.list_charges(since, until)

    assert [(one.gateway_reference, one.reference, one.state, one.money) for one in listed] == [
        (ours.gateway_reference, ours.reference, State.SUCCEEDED, Money(5000, "USD")),
        (declined.gateway_reference, declined.reference, State.FAILED, Money(70, "ISK")),
        (theirs["id"], None, State.SUCCEEDED, Money(700, "EUR")),
    ]
    assert [one.created_at - since for one in listed] == [timedelta(minutes=minute) for minute in (0, 1, 2)]


@pytest.mark.parametrize("page", [0, 2])
def test_charges_are_not_listed_when_a_page_fails(acme, stripe, clock, page):
    for _ in range(3):
        stripe.books.charge_at_stripe(700)
    stripe.api.largest_page = 1
    stripe.mischief = [None] * page + [happens.refused(500)]

    assert acme.list_charges(clock.now(), clock.now() + timedelta(minutes=1)) is None


@pytest.mark.parametrize("part", [{"currency": "zzz"}, {"currency": "ugx", "amount_received": 1001}])
def test_unrelated_charge_that_cannot_be_read_is_skipped_in_the_list(acme, stripe, build, clock, part):
    ours = acme.charge(build.charge(stripe.books.keep_card()))
    stripe.books.charge_at_stripe(700).update(part)

    listed = acme.list_charges(clock.now(), clock.now() + timedelta(minutes=1))

    assert [one.gateway_reference for one in listed] == [ours.gateway_reference]


@pytest.mark.parametrize(
    "metadata", [{"portal_reference": "pay_032kbShSLbF8iRm1FXK4Ro"}, {"portal_reference": 7}, None]
)
def test_with_an_unreadable_charge_that_may_be_ours_there_is_no_list(acme, stripe, clock, metadata):
    stripe.books.charge_at_stripe(700).update({"currency": "zzz", "metadata": metadata})

    assert acme.list_charges(clock.now(), clock.now() + timedelta(minutes=1)) is None


def test_account_is_reachable_with_its_key_alone(acme, stripe):
    other_account = StripeGateway("sk_test_other", [], 5, origin=stripe.origin)
    nobody = StripeGateway(SECRET_KEY, [], 0.5, origin="http://127.0.0.1:9")

    assert acme.is_reachable()
    assert not other_account.is_reachable()
    assert not nobody.is_reachable()


def test_request_asks_for_an_uncompressed_response_in_the_pinned_version(acme, stripe):
    acme.is_reachable()

    headers = stripe.requests[0].headers
    # The length of a response is checked, which compression would hide.
    assert (headers["accept-encoding"], headers["stripe-version"]) == ("identity", API_VERSION)


def test_proxies_of_the_environment_are_ignored(acme, stripe, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert acme.is_reachable()
