"""What came after an end: the provider's list against ours, and its word recorded where they differ.

Stands for the portal's own daily comparison, for what no schedule asks any more: late money, and refunds that came back.
"""

from __future__ import annotations

from functools import partial

from portal.gateways.contract import Question
from portal.payments.outcomes import record_outcome
from portal.payments.rules import ENDED_WITHOUT_MONEY
from portal.refunds.operations import record_refund_outcome
from portal.services import Services
from tests.simulation.world import World


def compare(world: World) -> None:
    """Record what the provider says of ended payments that it took money for, and of refunds that it calls something else."""
    for row in world.payments(*ENDED_WITHOUT_MONEY):
        if world.provider.is_captured(row.id):
            world.operate("comparison", f"finds {world.name(row.id)}", partial(_record_payment, world, row.id))
    kept = dict(world.connection.execute("select id, status from refunds order by rowid").fetchall())
    for reference, (_, outcome) in world.provider.refunds.items():
        if kept[reference] != outcome.state.value:
            world.operate("comparison", f"finds {world.name(reference)}", partial(_record_refund, world, reference))


def _record_payment(world: World, payment_id: str, services: Services) -> str:
    gateway = services.gateways.find(world.merchant_id)
    assert gateway is not None, "the simulation has a gateway"
    outcome = gateway.look_up(Question(payment_id, services.clock.now()))
    with services.database.unit_of_work() as session:
        return record_outcome(session, world.merchant_id, payment_id, outcome, at=services.clock.now()).status


def _record_refund(world: World, refund_id: str, services: Services) -> str:
    gateway = services.gateways.find(world.merchant_id)
    assert gateway is not None, "the simulation has a gateway"
    outcome = gateway.look_up_refund(world.provider.refunds[refund_id][0])
    with services.database.unit_of_work() as session:
        record_refund_outcome(session, world.merchant_id, refund_id, outcome, at=services.clock.now())
    return outcome.state.value
