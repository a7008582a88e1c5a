"""Straight to each cell: the payment is brought to its state, the process dies where the cell says, and whoever it names goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from portal.payments.jobs import check_payments, send_payments
from portal.payments.rules.choices import Choice, Invoices, NewMethod, Prompt, SavedMethod
from portal.payments.rules.statuses import UNSETTLED
from portal.provider_events.jobs import handle_events
from portal.refunds.jobs import check_refunds
from tests.simulation import moves
from tests.simulation.cells import Cell
from tests.simulation.installation import installation
from tests.simulation.invariants import check, check_rest
from tests.simulation.line import FAIR, FAULTS
from tests.simulation.provider import OPEN, Charge, Event
from tests.simulation.run import rest
from tests.simulation.world import PaymentRow, World, faults_shown

_CHECKS = tuple(job for job in moves.ROUND if job.run in (handle_events, send_payments, check_payments, check_refunds))
_EVENTS = tuple(job for job in moves.ROUND if job.run is handle_events)


def walk(cell: Cell) -> World:
    """A world in which the cell was visited and that has come to rest; every invariant held at each stop. Raises Broken."""
    world = World(installation(), 1)
    with faults_shown() as faults:
        _WALKS[cell.label](world, cell)
        check(world)
        rest(world)
        check(world)
        check_rest(world)
        faults.check()
    return world


def _intent_written(world: World, cell: Cell) -> None:
    payment = _begin(world, cell.answer)
    moves.confirm(world, payment, dies_at=cell.label)
    check(world)
    world.provider.fates.append(_fate(cell.answer))
    moves.confirm(world, payment, faults=[_fault(cell.answer)])


def _intent_committed(world: World, cell: Cell) -> None:
    payment = _begin(world, cell.answer)
    moves.confirm(world, payment, dies_at=cell.label)
    check(world)
    if cell.answer == "none":
        # Too late to send it, and nobody needs to be asked: nobody has set out to.
        world.pass_time(minutes=10)
        _go_on(world, cell, payment)
        return
    world.provider.fates.append(_fate(cell.answer))
    world.pass_time(seconds=11)
    _go_on(world, cell, payment, [_fault(cell.answer)])


def _send_claimed(world: World, cell: Cell) -> None:
    if cell.retrier == "webhook":
        _resend_claimed(world, cell)
        return
    payment = _begin(world, cell.answer)
    moves.confirm(world, payment, dies_at=cell.label)
    check(world)
    world.provider.fates.append(_fate(cell.answer))
    if cell.answer == "absent":
        # Too late to send it again: what the provider never heard of has failed.
        world.pass_time(minutes=11)
    else:
        world.pass_time(seconds=11)
    _go_on(world, cell, payment, [FAIR, _fault(cell.answer)])


def _resend_claimed(world: World, cell: Cell) -> None:
    """The first order was late, and is there before the second, whose process died: the provider tells of the first."""
    _die_before_it_came(world, cell, seconds=11)


def _die_before_it_came(world: World, cell: Cell, *, seconds: int) -> None:
    """The order is a minute late; the page is opened after some `seconds`, and its process dies where the cell says."""
    payment = _begin(world, cell.answer)
    world.provider.fates.append("succeeded")
    moves.confirm(world, payment, faults=["late"])
    ((_, reference, request),) = world.provider.under_way
    world.provider.under_way = [(world.clock.now() + timedelta(minutes=1), reference, request)]
    world.pass_time(seconds=seconds)
    moves.open_page(world, payment, dies_at=cell.label, faults=[FAIR])
    check(world)
    world.pass_time(minutes=1)
    _go_on(world, cell, payment)


def _confirmed(world: World, cell: Cell) -> None:
    """The two crash points between the gateway's answer and the answer to the customer."""
    payment = _begin(world, cell.answer)
    world.provider.fates.append(_fate(cell.answer))
    moves.confirm(world, payment, dies_at=cell.label, faults=[_fault(cell.answer)])
    check(world)
    world.pass_time(seconds=11)
    _go_on(world, cell, payment)


def _looked_up(world: World, cell: Cell) -> None:
    if cell.state not in UNSETTLED:
        _looked_up_late(world, cell)
        return
    if cell.retrier == "webhook" and cell.answer == "absent":
        # The provider does not know the late order when it is looked up, and tells of it afterwards.
        _die_before_it_came(world, cell, seconds=1)
        return
    payment = _bring_to(world, cell)
    world.pass_time(seconds=1)
    moves.open_page(world, payment, dies_at=cell.label, faults=[_fault(cell.answer)])
    check(world)
    world.pass_time(seconds=11)
    _go_on(world, cell, payment)


def _looked_up_late(world: World, cell: Cell) -> None:
    payment = _end(world, cell.state, cell.answer)
    # Of a page that was never paid the provider tells no amount.
    if cell.answer == "succeeded" or (cell.answer == "other_amount" and cell.state == "abandoned"):
        world.provider.approve_late(world.provider.charges[payment.id])
    event = world.provider.events[-1]
    moves.send_event(world, event)
    moves.work_round(world, _EVENTS, dies_at=cell.label, faults=[_fault(cell.answer)])
    check(world)
    world.pass_time(seconds=11)
    if cell.retrier == "customer":
        moves.confirm(world, payment)
    elif cell.retrier == "webhook":
        moves.send_event(world, event)
    moves.work_round(world, _EVENTS, faults=[])


def _stop_requested(world: World, cell: Cell) -> None:
    payment = _bring_to(world, cell)
    world.provider.charges[payment.id].can_be_canceled = cell.answer != "pending"
    world.pass_time(seconds=1)
    moves.call_off(world, payment, dies_at=cell.label)
    check(world)
    world.pass_time(seconds=4)
    if cell.answer == "other_amount":
        world.provider.finish(
            world.provider.charges[payment.id], "succeeded"
        )  # The payer had paid when it was to be called off.
    if cell.retrier != "webhook":
        _go_on(world, cell, payment, [_fault(cell.answer)])
        return
    # By the event alone: in a whole round the worker's own lookup, which is due as well, would answer after it.
    world.pass_time(minutes=3)
    charge = world.provider.charges[payment.id]
    if (
        cell.answer == "canceled"
        and charge.state in OPEN
        and not any(event.reference == payment.id for event in world.provider.events)
    ):
        world.provider.finish(charge, "canceled")  # By the payer, on the provider's page.
    moves.send_event(world, _event(world, payment))
    moves.work_round(world, _EVENTS, faults=[_fault(cell.answer)])


def _cancel_answered(world: World, cell: Cell) -> None:
    payment = _bring_to(world, cell)
    world.provider.charges[payment.id].can_be_canceled = cell.answer != "pending"
    world.pass_time(seconds=1)
    moves.call_off(world, payment, dies_at=cell.label, faults=[_fault(cell.answer)])
    check(world)
    world.pass_time(seconds=11)
    _go_on(world, cell, payment)


def _refund_intent_committed(world: World, cell: Cell) -> None:
    payment = _pay(world)
    moves.give_back(world, payment, _refunded(cell, payment), dies_at=cell.label)
    check(world)
    world.provider.fates.append(_fate(cell.answer))
    # Until its minute is up the order may still be on its way: it is looked up, and not resent.
    world.pass_time(seconds=11 if cell.answer == "absent" else 61)
    moves.work_round(world, _CHECKS, faults=[FAIR, _fault(cell.answer)])


def _refund_answered(world: World, cell: Cell) -> None:
    payment = _pay(world)
    world.provider.fates.append(_fate(cell.answer))
    faults = [_fault(cell.answer)]
    moves.give_back(world, payment, _refunded(cell, payment), dies_at=cell.label, faults=faults)
    check(world)
    world.pass_time(seconds=11)
    if cell.retrier == "webhook":
        world.pass_time(minutes=3)
        moves.send_event(world, world.provider.events[-1])
    moves.work_round(world, _CHECKS, faults=[])


def _refund_looked_up(world: World, cell: Cell) -> None:
    if cell.state == "complete":
        _failed_refund_looked_up(world, cell)
        return
    payment = _pay(world)
    world.provider.fates.append(_fate(cell.answer))
    lost = ["lost_before" if cell.answer == "absent" else "lost_after"]
    moves.give_back(world, payment, _refunded(cell, payment), faults=lost)
    world.pass_time(seconds=11)
    moves.work_round(world, _CHECKS, dies_at=cell.label, faults=[_fault(cell.answer)])
    check(world)
    world.pass_time(minutes=1)
    if cell.retrier == "webhook":
        moves.send_event(world, world.provider.events[-1])
    moves.work_round(world, _CHECKS, faults=[])


def _failed_refund_looked_up(world: World, cell: Cell) -> None:
    """An event is about a refund that failed, and whose share was restored: it is looked up all the same."""
    payment = _pay(world)
    world.provider.fates.append("declined")
    moves.give_back(world, payment, payment.charge_amount)
    event = world.provider.events[-1]
    moves.send_event(world, event)
    moves.work_round(world, _EVENTS, dies_at=cell.label, faults=[_fault(cell.answer)])
    check(world)
    world.pass_time(seconds=11)
    if cell.retrier == "webhook":
        again = replace(event, id=f"{event.id}-again")
        moves.send_event(world, again)
    moves.work_round(world, _EVENTS, faults=[])


def _event_handled(world: World, cell: Cell) -> None:
    payment = _end(world, cell.state, cell.answer)
    if cell.state == "requires_action":
        world.provider.finish(world.provider.charges[payment.id], "succeeded")
    event = world.provider.events[-1]
    moves.send_event(world, event, dies_at=cell.label)
    if cell.label != "event.stored":
        # Its question is answered by nobody, so that the payment is afterwards what it was.
        moves.work_round(world, _EVENTS, dies_at=cell.label, faults=["server_error"])
    check(world)
    world.pass_time(seconds=11)
    if cell.retrier == "webhook":
        moves.send_event(world, event)
    moves.work_round(world, _EVENTS, faults=[])


def _delivery(world: World, cell: Cell) -> None:
    payment = _pay(world)
    if cell.state != "complete":
        world.provider.fates.append("succeeded")
        moves.give_back(world, payment, _refunded(cell, payment))
    moves.work_round(world, dies_at=cell.label)
    check(world)
    world.pass_time(minutes=1)
    moves.work_round(world)


_WALKS = {
    "payment.intent_written": _intent_written,
    "payment.intent_committed": _intent_committed,
    "payment.send_claimed": _send_claimed,
    "payment.gateway_answered": _confirmed,
    "payment.outcome_recorded": _confirmed,
    "payment.looked_up": _looked_up,
    "payment.stop_requested": _stop_requested,
    "payment.cancel_answered": _cancel_answered,
    "refund.intent_committed": _refund_intent_committed,
    "refund.gateway_answered": _refund_answered,
    "refund.looked_up": _refund_looked_up,
    "event.stored": _event_handled,
    "event.claimed": _event_handled,
    "event.handled": _event_handled,
    "outbox.leased": _delivery,
    "outbox.delivered": _delivery,
}


def _end(world: World, state: str, answer: str) -> PaymentRow:
    """A confirmed payment that has come to `state` in the usual way."""
    fates = {
        "processing": "succeeded",
        "requires_action": "requires_action",
        "pending": "pending",
        "complete": "succeeded",
    }
    if state in ("partially_refunded", "refunded"):
        payment = _pay(world)
        world.provider.fates.append("succeeded")
        moves.give_back(world, payment, payment.charge_amount // (1 if state == "refunded" else 2))
        return payment
    if state in fates or state == "failed":
        payment = _begin(world, answer)
        fate = "insufficient_funds" if answer == "insufficient_funds" else "declined"
        world.provider.fates.append(fates.get(state, fate))
        moves.confirm(world, payment, faults=["lost_after"] if state == "processing" else [])
        return payment
    payment = _begin(world, "by page" if state == "abandoned" else "canceled")
    world.provider.fates.append("requires_action" if state == "abandoned" else "pending")
    moves.confirm(world, payment)
    world.provider.charges[payment.id].can_be_canceled = True
    if state == "canceled":
        moves.call_off(world, payment)
    else:
        world.pass_time(hours=4)
        moves.open_page(world, payment)
    return payment


def _begin(world: World, answer: str) -> PaymentRow:
    """A checkout of Maya's first invoice by her card; by telephone where the payer is to call it off there."""
    payer = world.payers[0]
    invoice_id = world.connection.execute(
        "select id from invoices where customer_id = ? order by rowid limit 1", (payer.scope.customer_id,)
    ).fetchone()[0]
    invoice = Invoices((invoice_id,))
    by_card = Choice(invoice, SavedMethod(payer.method_id))
    by_telephone = Choice(invoice, Prompt("cm.mtn", "+237670000001"))
    by_page = Choice(invoice, NewMethod())
    moves.begin(world, payer, {"canceled": by_telephone, "by page": by_page}.get(answer, by_card))
    return world.payments()[-1]


def _pay(world: World) -> PaymentRow:
    payment = _begin(world, "succeeded")
    world.provider.fates.append("succeeded")
    moves.confirm(world, payment)
    return world.payments()[-1]


def _bring_to(world: World, cell: Cell) -> PaymentRow:
    """A confirmed payment in the cell's state; what is true at the provider by now is what its answer says."""
    payment = _begin(world, cell.answer)
    truth = _fate(cell.answer)
    if cell.state == "processing":
        world.provider.fates.append(truth)
        moves.confirm(world, payment, faults=["lost_before" if cell.answer == "absent" else "lost_after"])
        return payment
    world.provider.fates.append(cell.state)
    moves.confirm(world, payment)
    charge = world.provider.charges[payment.id]
    is_called_off = cell.label in ("payment.stop_requested", "payment.cancel_answered") and cell.answer == "canceled"
    if cell.answer not in (*FAULTS, cell.state) and not is_called_off:
        world.provider.finish(charge, truth)
    return payment


def _go_on(world: World, cell: Cell, payment: PaymentRow, faults: list[str] | None = None) -> None:
    faults = faults or []
    if cell.retrier == "customer":
        if _has_ended(world, payment):
            moves.confirm(world, payment, faults=faults)
        else:
            moves.open_page(world, payment, faults=faults)
        return
    if cell.retrier == "webhook":
        world.pass_time(minutes=3)
        moves.send_event(world, _event(world, payment))
    moves.work_round(world, _CHECKS, faults=faults)


def _has_ended(world: World, payment: PaymentRow) -> bool:
    return world.status(payment.id) not in ("processing", "requires_action", "pending")


def _event(world: World, payment: PaymentRow) -> Event:
    """The newest event about the payment; where there was none yet, the payer causes it."""
    charge: Charge = world.provider.charges[payment.id]
    found = [event for event in world.provider.events if event.reference == payment.id]
    if not found:
        assert charge.state in OPEN, "what has ended has been reported"
        world.provider.finish(charge, "succeeded")
        found = world.provider.events[-1:]
    return found[-1]


def _fate(answer: str) -> str:
    """What becomes of the order at the provider."""
    return "succeeded" if answer in FAULTS or answer == "absent" else answer


def _fault(answer: str) -> str:
    return answer if answer in FAULTS else FAIR


def _refunded(cell: Cell, payment: PaymentRow) -> int:
    return payment.charge_amount if cell.state == "refunded" else payment.charge_amount // 2
