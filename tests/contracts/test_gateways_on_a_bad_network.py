"""What every gateway promises when responses are lost, late, broken or wrong: nothing is assumed, nothing is done twice."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from portal.gateways.contract import ChargeOutcome, Lookup, State
from tests.support.gateway_calls import PAYMENT, SETUP, PreparedRequest, is_offered
from tests.support.gateway_cases import each_bench, each_operation
from tests.support.provider_server import (
    ANSWER_LOST,
    BROKEN_AFTER,
    PROVE_NOTHING,
    SLOW,
    TIMED_OUT,
    TOO_MANY,
    TRUNCATED,
    Fault,
    Reply,
    json_reply,
)

CREATED = (State.SUCCEEDED, State.PENDING, State.REQUIRES_ACTION)
each_fault = pytest.mark.parametrize("fault", PROVE_NOTHING, ids=lambda fault: fault.name)


@each_fault
@each_operation()
def test_request_whose_response_proves_nothing_is_unknown_and_its_lookup_returns_the_outcome(
    bench, caller, operation, fault
):
    prepared = PreparedRequest.prepare(operation, caller)
    begun = time.monotonic()

    with bench.server.spoiling(fault, prepared.call):
        outcome = prepared.send(caller.hasty() if fault in (SLOW, TIMED_OUT) else caller)

    assert outcome.state is State.UNKNOWN, outcome
    assert time.monotonic() - begun < 8, "the client waited without a limit"
    assert prepared.look_up().state in (CREATED if fault.reaches else (State.ABSENT,))


@pytest.mark.parametrize("fault", [ANSWER_LOST, TOO_MANY], ids=lambda fault: fault.name)
@each_operation()
def test_request_resent_after_its_response_was_lost_is_carried_out_once(bench, caller, operation, fault):
    prepared = PreparedRequest.prepare(operation, caller)
    with bench.server.spoiling(fault, prepared.call):
        prepared.send()

    again = prepared.send()

    assert again.state in CREATED
    assert len(bench.ledger()) == (0 if operation in ("page", "setup") else 1)
    if operation == "refund":
        assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@each_operation()
def test_refusal_as_a_duplicate_means_that_it_exists(bench, caller, operation):
    prepared = PreparedRequest.prepare(operation, caller)
    status, body = bench.duplicate
    duplicate = Fault("duplicate", True, lambda _reply: json_reply(status, body))

    with bench.server.spoiling(duplicate, prepared.call):
        outcome = prepared.send()

    truth = prepared.look_up()
    assert truth.state in CREATED
    assert outcome.state is truth.state or (outcome.state is State.UNKNOWN and not bench.is_unique_by_reference)


@pytest.mark.parametrize("fault", [ANSWER_LOST, BROKEN_AFTER, TOO_MANY, TRUNCATED], ids=lambda fault: fault.name)
@each_operation()
def test_lookup_without_a_response_is_unknown(bench, caller, operation, fault):
    prepared = PreparedRequest.prepare(operation, caller)
    prepared.send()

    with bench.server.spoiling(fault):
        outcome = prepared.look_up()

    assert outcome.state is State.UNKNOWN


@pytest.mark.parametrize("fault", [ANSWER_LOST, BROKEN_AFTER, TOO_MANY, TRUNCATED], ids=lambda fault: fault.name)
@each_bench(able=lambda able: able.cancel)
def test_cancelling_without_a_response_claims_nothing_false(bench, caller, fault):
    caller.take()

    with bench.server.spoiling(fault):
        outcome = caller.cancel()

    assert outcome.state is State.UNKNOWN
    assert caller.cancel().state is State.SUCCEEDED


@pytest.mark.parametrize("fault", [ANSWER_LOST, BROKEN_AFTER, TOO_MANY], ids=lambda fault: fault.name)
@each_bench(able=lambda able: able.setup_page)
def test_detaching_without_a_response_is_to_be_retried(bench, fault):
    token = bench.token("good")

    with bench.server.spoiling(fault):
        is_gone = bench.gateway.detach(token)

    assert not is_gone
    assert bench.gateway.detach(token)


@each_fault
@each_bench(able=lambda able: able.lists_charges)
def test_incomplete_list_is_none(bench, caller, fault):
    caller.take()
    gateway = bench.hasty_gateway if fault in (SLOW, TIMED_OUT) else bench.gateway

    with bench.server.spoiling(fault):
        listed = gateway.list_charges(caller.first_at, bench.now())

    assert listed is None


@each_operation()
def test_response_that_is_compressed_without_being_requested_is_read(bench, caller, operation):
    prepared = PreparedRequest.prepare(operation, caller)

    with bench.server.spoiling(Fault("compressed", True, _compressed)):
        first, looked_up = prepared.send(), prepared.look_up()

    assert first.state in CREATED
    assert looked_up.state in CREATED
    assert {dict(request.headers)["Accept-Encoding"] for request in bench.server.requests} == {"identity"}


@each_operation("charge", "prompt")
def test_response_for_another_amount_is_never_a_success_of_the_request(bench, caller, operation):
    prepared = PreparedRequest.prepare(operation, caller)
    other = Fault("other_amount", True, _with_other_amounts)

    with bench.server.spoiling(other):
        first = prepared.send()
        bench.settle(PAYMENT)
        looked_up = prepared.look_up()

    for outcome in (first, looked_up):
        assert isinstance(outcome, ChargeOutcome)
        assert outcome.state is State.UNKNOWN or outcome.money != bench.money


@each_bench()
def test_unreachable_provider_raises_nothing(bench, caller):
    all_prepared = [PreparedRequest.prepare(operation, caller) for operation in _offered(bench)]
    able, gateway = bench.capabilities, bench.gateway
    bench.server.close()

    assert {outcome.state for prepared in all_prepared for outcome in (prepared.send(), prepared.look_up())} == {
        State.UNKNOWN
    }
    if able.cancel:
        assert caller.cancel().state is State.UNKNOWN
    if able.lists_charges:
        assert gateway.list_charges(caller.first_at, bench.now()) is None
    if able.setup_page:
        assert not gateway.detach("tok_1")
    assert not gateway.is_reachable()


@each_bench()
def test_provider_that_accepts_our_key_is_reachable(bench):
    assert bench.gateway.is_reachable()

    with bench.server.spoiling(Fault("no_key", False, lambda _reply: json_reply(401))):
        assert not bench.gateway.is_reachable()


@each_bench()
def test_provider_is_never_sent_a_card_number(bench, caller):
    for operation in _offered(bench):
        prepared = PreparedRequest.prepare(operation, caller)
        prepared.send()
        prepared.look_up()
    bench.gateway.look_up(Lookup(SETUP, caller.first_at, "ch_1", "pg_1"))

    sent = [(request.call, *map(str, request.headers), request.body.decode()) for request in bench.server.requests]

    assert sent
    assert [text for texts in sent for text in texts if list(_card_numbers(text))] == []


def _offered(bench: Any) -> list[Any]:
    """The operations of this bench, those that leave the payment unpaid first."""
    return [
        operation for operation in ("setup", "page", "prompt", "charge") if is_offered(operation, bench.capabilities)
    ]


def _compressed(reply: Reply) -> Reply:
    """Compressed, which makes a short body longer."""
    headers = (*reply.headers, ("Content-Encoding", "gzip"))
    return replace(reply, headers=headers, body=gzip.compress(reply.body, compresslevel=0))


def _with_other_amounts(reply: Reply) -> Reply:
    return replace(reply, body=json.dumps(_raised(json.loads(reply.body))).encode())


def _raised(value: Any, name: str = "") -> Any:
    """Every amount in a response, one higher."""
    match value:
        case dict():
            return {key: _raised(inner, key) for key, inner in value.items()}
        case list():
            return [_raised(inner, name) for inner in value]
        case int() if name.startswith("amount") and not isinstance(value, bool):
            return value + 1
    return value


def _card_numbers(text: str) -> Iterator[str]:
    for found in re.findall(r"[0-9](?:[ -]?[0-9]){12,18}", text):
        digits = [int(digit) for digit in found if digit.isdigit()]
        doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
        if sum(digits[-1::-2], sum(doubled)) % 10 == 0:
            yield found
