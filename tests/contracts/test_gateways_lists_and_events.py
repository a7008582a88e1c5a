"""What every gateway promises of its list of charges and of its events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.gateways.contract import EventRefused, State
from tests.support.gateway_calls import PAYMENT
from tests.support.gateway_cases import each_bench

listing = each_bench(able=lambda able: able.lists_charges)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


# --- the list that is compared with ours ---


@listing
def test_list_has_every_charge_of_its_time_with_our_references(bench, caller):
    references = [f"{PAYMENT[:-2]}{number:02}" for number in range(3)]
    charged = [caller.take(reference) for reference in references]

    listed = bench.gateway.list_charges(caller.first_at - SECOND, bench.now() + SECOND)

    assert listed is not None
    assert [(one.reference, one.state, one.money) for one in listed] == [
        (reference, State.SUCCEEDED, bench.money) for reference in references
    ]
    assert [one.gateway_reference for one in listed] == [outcome.gateway_reference for outcome in charged]
    assert all(caller.first_at - SECOND <= one.created_at <= bench.now() + SECOND for one in listed)


@listing
def test_list_of_another_time_is_empty(bench, caller):
    caller.take()

    assert bench.gateway.list_charges(caller.first_at - DAY, caller.first_at - SECOND) == ()
    assert bench.gateway.list_charges(bench.now() + SECOND, bench.now() + DAY) == ()


@listing
def test_list_is_complete_however_long_it_is(bench, caller):
    references = [f"{PAYMENT[:-3]}{number:03}" for number in range(120)]
    for reference in references:
        caller.take(reference)

    listed = bench.gateway.list_charges(caller.first_at - SECOND, bench.now() + SECOND)

    assert listed is not None
    assert [one.reference for one in listed] == references


# --- events ---


@each_bench()
def test_signed_event_is_read(bench, caller):
    charged = caller.take()
    event = bench.event(PAYMENT)

    notice = bench.gateway.read_event(event.headers, event.body, bench.now())

    assert notice.event_id
    assert notice.type
    assert notice.reference == PAYMENT or notice.gateway_reference == charged.gateway_reference


@each_bench()
def test_event_with_one_bit_flipped_is_refused(bench, caller):
    caller.take()
    event = bench.event(PAYMENT)

    for place in range(0, len(event.body), 7):
        flipped = bytearray(event.body)
        flipped[place] ^= 1
        with pytest.raises(EventRefused):
            bench.gateway.read_event(event.headers, bytes(flipped), bench.now())


@each_bench()
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000], ids=len)
def test_event_of_another_body_is_refused(bench, caller, body):
    caller.take()
    event = bench.event(PAYMENT)

    with pytest.raises(EventRefused):
        bench.gateway.read_event(event.headers, body, bench.now())


@each_bench()
def test_event_with_a_wrong_signature_is_refused(bench, caller):
    caller.take()
    event = bench.event(PAYMENT)
    signature = event.headers[event.header]
    forged = [
        "",
        " ",
        "é",
        signature + "é",
        "\u0661" * len(signature),
        signature[:-1],
        signature[:-1] + ("0" if signature[-1] != "0" else "1"),
        signature + signature,
        ",".join(["v1=0"] * 50),
        "x" * (1 << 20),
    ]

    for wrong in forged:
        with pytest.raises(EventRefused):
            bench.gateway.read_event({**event.headers, event.header: wrong}, event.body, bench.now())
    without = {name: value for name, value in event.headers.items() if name != event.header}
    with pytest.raises(EventRefused):
        bench.gateway.read_event(without, event.body, bench.now())


@each_bench(like=lambda bench: bench.dates_events)
@pytest.mark.parametrize("seconds", [301, -301])
def test_event_of_another_time_is_refused(bench, caller, seconds):
    caller.take()
    event = bench.event(PAYMENT)

    with pytest.raises(EventRefused):
        bench.gateway.read_event(event.headers, event.body, bench.now() + timedelta(seconds=seconds))
