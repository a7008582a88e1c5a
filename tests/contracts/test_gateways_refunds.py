"""What every gateway promises of refunds: never more than was charged, each once, and a failed state when one fails later."""

from __future__ import annotations

from dataclasses import replace

from portal.gateways.contract import State
from portal.money import Money
from tests.support.gateway_calls import REFUND
from tests.support.gateway_cases import each_bench

REFUNDED = (State.SUCCEEDED, State.PENDING)
SECOND = REFUND[:-1] + "p"
refunding = each_bench(able=lambda able: able.refunds)


@refunding
def test_charge_is_refunded_in_full(bench, caller):
    caller.take()
    request = caller.refund_request()

    outcome = bench.gateway.refund(request)

    assert outcome.state in REFUNDED
    assert (outcome.reference, outcome.money) == (REFUND, bench.money)
    assert outcome.gateway_reference
    assert bench.gateway.look_up_refund(request) == outcome
    assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@refunding
def test_partial_refunds_up_to_the_whole_charge_and_no_further(bench, caller):
    caller.take()
    part = bench.money.amount // 2
    first, second = caller.refund_request(part), caller.refund_request(bench.money.amount - part + 1, SECOND)
    last = replace(second, money=Money(bench.money.amount - part, bench.money.currency))

    states = [bench.gateway.refund(first).state, bench.gateway.refund(second).state]
    rest = bench.gateway.refund(replace(last, reference=REFUND[:-1] + "q"))

    assert states[0] in REFUNDED
    assert states[1] is State.FAILED
    assert rest.state in REFUNDED
    assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@refunding
def test_refund_resent_after_its_key_expired_is_found(bench, caller):
    caller.take()
    request = caller.refund_request()
    bench.gateway.refund(request)
    bench.expire_keys()

    again = bench.gateway.refund(request)

    assert again.state in REFUNDED
    assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@refunding
def test_refund_of_a_charge_that_does_not_exist_is_refused(bench, caller):
    caller.take()
    request = replace(caller.refund_request(), charge="ch_nobodyknowsthisone")

    outcome = bench.gateway.refund(request)

    assert outcome.state is State.FAILED
    assert int(bench.refunded()) == 0


@each_bench(able=lambda able: able.refunds, like=lambda bench: bench.fails_refunds_later)
def test_refund_that_fails_later_is_returned_as_failed(bench, caller):
    caller.take()
    request = caller.refund_request()
    bench.gateway.refund(request)

    bench.fail_refund(REFUND)

    assert bench.gateway.look_up_refund(request).state is State.FAILED
    assert int(bench.refunded()) == 0
