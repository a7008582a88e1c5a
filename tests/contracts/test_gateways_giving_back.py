"""What every gateway promises of refunds: never more than was taken, each once, and the truth when one fails later."""

from __future__ import annotations

from dataclasses import replace

from portal.gateways.contract import State
from portal.money import Money
from tests.support.gateway_cases import each_bench
from tests.support.gateway_orders import REFUND

GIVEN = (State.SUCCEEDED, State.PENDING)
SECOND = REFUND[:-1] + "p"
refunding = each_bench(able=lambda able: able.refunds)


@refunding
def test_whole_charge_is_given_back(bench, orders):
    orders.take()
    order = orders.refund_order()

    outcome = bench.gateway.refund(order)

    assert outcome.state in GIVEN
    assert (outcome.reference, outcome.money) == (REFUND, bench.money)
    assert outcome.gateway_reference
    assert bench.gateway.look_up_refund(order) == outcome
    assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@refunding
def test_parts_are_given_back_up_to_the_whole_and_no_further(bench, orders):
    orders.take()
    part = bench.money.amount // 2
    first, second = orders.refund_order(part), orders.refund_order(bench.money.amount - part + 1, SECOND)
    last = replace(second, money=Money(bench.money.amount - part, bench.money.currency))

    states = [bench.gateway.refund(first).state, bench.gateway.refund(second).state]
    rest = bench.gateway.refund(replace(last, reference=REFUND[:-1] + "q"))

    assert states[0] in GIVEN
    assert states[1] is State.FAILED
    assert rest.state in GIVEN
    assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@refunding
def test_refund_given_again_after_its_key_was_forgotten_is_found(bench, orders):
    orders.take()
    order = orders.refund_order()
    bench.gateway.refund(order)
    bench.forget_keys()

    again = bench.gateway.refund(order)

    assert again.state in GIVEN
    assert [bench.refunded()] == [row.amount for row in bench.ledger()]


@refunding
def test_charge_that_does_not_exist_gives_nothing_back(bench, orders):
    orders.take()
    order = replace(orders.refund_order(), charge="ch_nobodyknowsthisone")

    outcome = bench.gateway.refund(order)

    assert outcome.state is State.FAILED
    assert int(bench.refunded()) == 0


@each_bench(able=lambda able: able.refunds, like=lambda bench: bench.fails_refunds_later)
def test_refund_that_fails_later_is_told_as_failed(bench, orders):
    orders.take()
    order = orders.refund_order()
    bench.gateway.refund(order)

    bench.fail_refund(REFUND)

    assert bench.gateway.look_up_refund(order).state is State.FAILED
    assert int(bench.refunded()) == 0
