"""What every gateway promises when answers are lost, late, broken or lies: nothing is taken for known, nothing is done twice."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from portal.gateways.contract import Outcome, Question, State
from tests.support.gateway_cases import each_act, each_bench
from tests.support.gateway_orders import PAYMENT, SETUP, Deed, is_offered
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
    told,
)

BEGUN = (State.SUCCEEDED, State.PENDING, State.REQUIRES_ACTION)
each_fault = pytest.mark.parametrize("fault", PROVE_NOTHING, ids=lambda fault: fault.name)


@each_fault
@each_act()
def test_order_whose_answer_proves_nothing_is_unknown_and_its_question_tells_the_truth(bench, orders, act, fault):
    deed = Deed.prepare(act, orders)
    begun = time.monotonic()

    with bench.server.spoiling(fault, deed.call):
        outcome = deed.give(orders.hasty() if fault in (SLOW, TIMED_OUT) else orders)

    assert outcome.state is State.UNKNOWN, outcome
    assert time.monotonic() - begun < 8, "the client waited for as long as the provider liked"
    assert deed.ask().state in (BEGUN if fault.reaches else (State.ABSENT,))


@pytest.mark.parametrize("fault", [ANSWER_LOST, TOO_MANY], ids=lambda fault: fault.name)
@each_act()
def test_order_given_again_after_its_answer_was_lost_is_carried_out_once(bench, orders, act, fault):
    deed = Deed.prepare(act, orders)
    with bench.server.spoiling(fault, deed.call):
        deed.give()

    again = deed.give()

    assert again.state in BEGUN
    assert len(bench.ledger()) == (0 if act in ("page", "setup") else 1)
    if act == "refund":
        assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@each_act()
def test_refusal_as_a_duplicate_means_that_it_exists(bench, orders, act):
    deed = Deed.prepare(act, orders)
    status, body = bench.duplicate
    duplicate = Fault("duplicate", True, lambda _reply: told(status, body))

    with bench.server.spoiling(duplicate, deed.call):
        outcome = deed.give()

    truth = deed.ask()
    assert truth.state in BEGUN
    assert outcome.state is truth.state or (outcome.state is State.UNKNOWN and not bench.is_unique_by_reference)


@pytest.mark.parametrize("fault", [ANSWER_LOST, BROKEN_AFTER, TOO_MANY, TRUNCATED], ids=lambda fault: fault.name)
@each_act()
def test_question_without_an_answer_is_unknown(bench, orders, act, fault):
    deed = Deed.prepare(act, orders)
    deed.give()

    with bench.server.spoiling(fault):
        outcome = deed.ask()

    assert outcome.state is State.UNKNOWN


@pytest.mark.parametrize("fault", [ANSWER_LOST, BROKEN_AFTER, TOO_MANY, TRUNCATED], ids=lambda fault: fault.name)
@each_bench(able=lambda able: able.cancel)
def test_calling_off_without_an_answer_says_nothing_that_is_not_so(bench, orders, fault):
    orders.take()

    with bench.server.spoiling(fault):
        outcome = orders.cancel()

    assert outcome.state is State.UNKNOWN
    assert orders.cancel().state is State.SUCCEEDED


@pytest.mark.parametrize("fault", [ANSWER_LOST, BROKEN_AFTER, TOO_MANY], ids=lambda fault: fault.name)
@each_bench(able=lambda able: able.setup_page)
def test_detaching_without_an_answer_asks_to_be_asked_again(bench, fault):
    token = bench.token("good")

    with bench.server.spoiling(fault):
        is_gone = bench.gateway.detach(token)

    assert not is_gone
    assert bench.gateway.detach(token)


@each_fault
@each_bench(able=lambda able: able.lists_charges)
def test_list_that_did_not_come_whole_is_none(bench, orders, fault):
    orders.take()
    gateway = bench.hasty_gateway if fault in (SLOW, TIMED_OUT) else bench.gateway

    with bench.server.spoiling(fault):
        listed = gateway.list_charges(orders.first_at, bench.now())

    assert listed is None


@each_act()
def test_answer_that_comes_compressed_without_being_asked_for_is_read(bench, orders, act):
    deed = Deed.prepare(act, orders)

    with bench.server.spoiling(Fault("compressed", True, _compressed)):
        given, asked = deed.give(), deed.ask()

    assert given.state in BEGUN
    assert asked.state in BEGUN
    assert {dict(request.headers)["Accept-Encoding"] for request in bench.server.requests} == {"identity"}


@each_act("charge", "prompt")
def test_answer_for_another_amount_is_never_a_success_of_what_was_ordered(bench, orders, act):
    deed = Deed.prepare(act, orders)
    other = Fault("other_amount", True, _with_other_amounts)

    with bench.server.spoiling(other):
        given = deed.give()
        bench.settle(PAYMENT)
        asked = deed.ask()

    for outcome in (given, asked):
        assert isinstance(outcome, Outcome)
        assert outcome.state is State.UNKNOWN or outcome.money != bench.money


@each_bench()
def test_provider_that_is_gone_makes_nothing_raise(bench, orders):
    deeds = [Deed.prepare(act, orders) for act in _offered(bench)]
    able, gateway = bench.capabilities, bench.gateway
    bench.server.close()

    assert {outcome.state for deed in deeds for outcome in (deed.give(), deed.ask())} == {State.UNKNOWN}
    if able.cancel:
        assert orders.cancel().state is State.UNKNOWN
    if able.lists_charges:
        assert gateway.list_charges(orders.first_at, bench.now()) is None
    if able.setup_page:
        assert not gateway.detach("tok_1")
    assert not gateway.is_reachable()


@each_bench()
def test_reachable_is_a_provider_that_takes_our_key(bench):
    assert bench.gateway.is_reachable()

    with bench.server.spoiling(Fault("no_key", False, lambda _reply: told(401))):
        assert not bench.gateway.is_reachable()


@each_bench()
def test_provider_is_never_sent_a_card_number(bench, orders):
    for act in _offered(bench):
        deed = Deed.prepare(act, orders)
        deed.give()
        deed.ask()
    bench.gateway.look_up(Question(SETUP, orders.first_at, "ch_1", "pg_1"))

    sent = [(request.call, *map(str, request.headers), request.body.decode()) for request in bench.server.requests]

    assert sent
    assert [text for texts in sent for text in texts if list(_card_numbers(text))] == []


def _offered(bench: Any) -> list[Any]:
    """The acts of this bench, those that leave the one payment unpaid first."""
    return [act for act in ("setup", "page", "prompt", "charge") if is_offered(act, bench.capabilities)]


def _compressed(reply: Reply) -> Reply:
    """Longer on the line than it is: compressing does that to what is short."""
    headers = (*reply.headers, ("Content-Encoding", "gzip"))
    return replace(reply, headers=headers, body=gzip.compress(reply.body, compresslevel=0))


def _with_other_amounts(reply: Reply) -> Reply:
    return replace(reply, body=json.dumps(_raised(json.loads(reply.body))).encode())


def _raised(value: Any, name: str = "") -> Any:
    """Every amount in an answer, one higher."""
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
