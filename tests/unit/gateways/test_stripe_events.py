"""Stripe's webhooks: an event is read only if one of our secrets signed it recently, and only for the object that it is about."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from portal.gateways.contract import EventRefused
from portal.gateways.stripe.gateway import StripeGateway
from tests.support.stripe_server import EVENT_SECRET, SECRET_KEY, event, sign


@pytest.fixture
def signed(acme, stripe, build):
    """A webhook of a charge of ours."""
    charged = acme.charge(build.charge(stripe.books.keep_card()))
    return event(
        stripe.books, "payment_intent.succeeded", stripe.books.get("payment_intent", charged.gateway_reference)
    )


def test_event_of_a_charge_has_our_reference_and_stripes(acme, stripe, build, clock):
    charged = acme.charge(build.charge(stripe.books.keep_card()))
    intent = stripe.books.get("payment_intent", charged.gateway_reference)

    notice = acme.read_event(*event(stripe.books, "payment_intent.succeeded", intent), clock.now())

    assert (notice.type, notice.reference) == ("payment_intent.succeeded", charged.reference)
    assert notice.gateway_reference == charged.gateway_reference
    assert notice.event_id.startswith("evt_")


def test_events_of_page_and_setup_have_our_reference(acme, stripe, build, clock):
    page, setup = build.page(), build.setup()
    opened, opened_setup = acme.open_page(page), acme.open_setup(setup)
    stripe.books.pay_page(opened.page_reference)
    stripe.books.pay_page(opened_setup.page_reference)
    sessions, setup_intents = (stripe.books.objects[kind] for kind in ("checkout.session", "setup_intent"))

    references = [
        acme.read_event(*event(stripe.books, kind, subject), clock.now()).reference
        for kind, subject in [
            ("checkout.session.completed", sessions[opened.page_reference]),
            ("checkout.session.completed", sessions[opened_setup.page_reference]),
            ("setup_intent.succeeded", next(iter(setup_intents.values()))),
        ]
    ]

    assert references == [page.reference, setup.reference, setup.reference]


def test_event_of_a_refund_has_our_reference_and_of_one_made_at_stripe_its_charge(acme, stripe, build, clock):
    charged = acme.charge(build.charge(stripe.books.keep_card()))
    request = build.refund(charged, 100)
    ours = stripe.books.get("refund", acme.refund(request).gateway_reference)
    theirs = stripe.books.create_refund({"payment_intent": charged.gateway_reference, "amount": "5"})

    notices = [
        acme.read_event(*event(stripe.books, "refund.created", refund), clock.now()) for refund in (ours, theirs)
    ]

    assert [notice.reference for notice in notices] == [request.reference, None]
    assert {notice.gateway_reference for notice in notices} == {charged.gateway_reference}


def test_event_of_an_unknown_kind_is_read_for_what_it_has(acme, stripe, clock):
    notice = acme.read_event(*event(stripe.books, "tax.settings.updated", {"object": "tax.settings"}), clock.now())

    assert (notice.type, notice.reference, notice.gateway_reference) == ("tax.settings.updated", None, None)


@pytest.mark.parametrize("place", [0, 5, 20, -2])
def test_one_flipped_bit_is_refused(acme, clock, signed, place):
    headers, body = signed
    flipped = bytearray(body)
    flipped[place] ^= 1

    with pytest.raises(EventRefused):
        acme.read_event(headers, bytes(flipped), clock.now())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("v1=", "v0="),
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("t=1", "t=2"),
        lambda text: text.replace("t=", "t=1,t="),
        lambda text: text.partition(",")[2],
        lambda text: text.partition(",")[0],
        lambda text: "",
        lambda text: text[:-1] + "é",
        lambda text: text.replace("t=1", "t=١"),
        lambda text: text.upper(),
        lambda text: ",".join([text] * 2),
        lambda text: text + ",v1=" + "0" * (1 << 20),
        lambda text: "t=99999999999999999999,v1=" + "0" * 64,
    ],
)
def test_malformed_header_is_refused(acme, clock, signed, change):
    headers, body = signed

    with pytest.raises(EventRefused):
        acme.read_event({"Stripe-Signature": change(headers["Stripe-Signature"])}, body, clock.now())


def test_missing_or_repeated_header_is_refused(acme, clock, signed):
    headers, body = signed

    for given in ({}, {**headers, "stripe-signature": headers["Stripe-Signature"]}):
        with pytest.raises(EventRefused):
            acme.read_event(given, body, clock.now())


@pytest.mark.parametrize("name", ["stripe-signature", "STRIPE-SIGNATURE", "Stripe-Signature"])
def test_header_counts_in_any_case_and_beside_signatures_of_others(acme, clock, signed, name):
    headers, body = signed
    stamp, _, signature = headers["Stripe-Signature"].partition(",")
    both = f"{stamp},v1={'0' * 64},v0={'1' * 64},{signature}"

    assert acme.read_event({name: both}, body, clock.now()).reference


@pytest.mark.parametrize(("seconds", "is_read"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_event_is_read_within_five_minutes_of_its_signing(acme, clock, signed, seconds, is_read):
    at = clock.now() + timedelta(seconds=seconds)

    if is_read:
        assert acme.read_event(*signed, at).reference
    else:
        with pytest.raises(EventRefused, match="too old"):
            acme.read_event(*signed, at)


def test_both_secrets_are_valid_while_one_is_rotated_and_then_the_new_one_alone(stripe, clock):
    def account(*secrets):
        return StripeGateway(SECRET_KEY, secrets, 5, origin=stripe.origin, clock=clock)

    by_old = event(stripe.books, "a.b", {}, secrets=("whsec_old",))
    by_both = event(stripe.books, "a.b", {}, secrets=("whsec_old", "whsec_new"))

    for headers, body in (by_old, by_both):
        assert account("whsec_new", "whsec_old").read_event(headers, body, clock.now())
    headers, body = by_both
    assert account("whsec_new").read_event(headers, body, clock.now())
    headers, body = by_old
    with pytest.raises(EventRefused):
        account("whsec_new").read_event(headers, body, clock.now())


def test_account_without_a_secret_reads_nothing(stripe, clock, signed):
    headers, body = signed

    with pytest.raises(EventRefused):
        StripeGateway(SECRET_KEY, [], 5, origin=stripe.origin, clock=clock).read_event(headers, body, clock.now())


@pytest.mark.parametrize("key", [SECRET_KEY, "sk_live_51", "rk_live_51"])
@pytest.mark.parametrize("livemode", [True, False])
def test_event_of_the_other_mode_is_refused(stripe, clock, key, livemode):
    account = StripeGateway(key, [EVENT_SECRET], 5, origin=stripe.origin, clock=clock)
    headers, body = event(stripe.books, "a.b", {}, livemode=livemode)

    if livemode == ("live" in key):
        assert account.read_event(headers, body, clock.now()).type == "a.b"
    else:
        with pytest.raises(EventRefused, match="other mode"):
            account.read_event(headers, body, clock.now())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b"1" * 5000,
        b'{"object": "event"}',
        b'{"object": "v2.core.event", "id": "evt_1", "type": "a.b", "livemode": false}',
        b'{"object": "event", "id": "evt 1", "type": "a.b", "livemode": false}',
        b'{"object": "event", "id": "evt_1", "type": ["a"], "livemode": false}',
        b'{"object": "event", "id": "evt_1", "type": "a.b", "livemode": "false"}',
        b'{"object": "event", "id": "evt_\xc3\xa9", "type": "a.b", "livemode": false}',
    ],
)
def test_signed_bytes_that_are_no_event_are_refused(acme, clock, body):
    headers = {"Stripe-Signature": sign(body, int(clock.now().timestamp()), (EVENT_SECRET,))}

    with pytest.raises(EventRefused):
        acme.read_event(headers, body, clock.now())


@pytest.mark.parametrize(
    "subject",
    [
        None,
        [],
        {"object": "payment_intent", "id": 5, "metadata": []},
        {"metadata": {"portal_reference": {"a": 1}}, "payment_intent": ["pi_1"]},
        {"metadata": {"portal_reference": "\ud800"}, "payment_intent": {"id": "\ud800"}},
        {"metadata": {"portal_reference": "x" * 101}, "payment_intent": "p" * 256},
    ],
)
def test_object_of_another_shape_has_no_reference(acme, clock, subject):
    event = {"object": "event", "id": "evt_1", "type": "a.b", "livemode": False, "data": {"object": subject}}
    body = json.dumps(event).encode()
    headers = {"Stripe-Signature": sign(body, int(clock.now().timestamp()), (EVENT_SECRET,))}

    notice = acme.read_event(headers, body, clock.now())

    assert (notice.reference, notice.gateway_reference) == (None, None)


def test_signature_is_the_one_of_stripes_own_sdk(acme, clock, signed):
    from stripe import WebhookSignature

    headers, body = signed

    assert WebhookSignature.verify_header(body, headers["Stripe-Signature"], EVENT_SECRET, tolerance=None)
