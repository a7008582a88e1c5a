"""Seeded bugs: what happened is recorded once, and reaches whoever listens."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_EVENTS = "tests/integration/test_events.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a payment's status changes without an event",
        (
            "portal/payments/operations/status.py",
            '    record_status(session, payment, actor=actor, at=at, previous={"status": before}, **details)\n',
            "",
        ),
        likely=(_EVENTS, "tests/simulation/test_simulation.py"),
    ),
    bug(
        "an invoice takes a status without become",
        (
            "portal/invoices/operations/balance.py",
            "        become(session, invoice, status, actor=actor, at=at, previous=previous)\n",
            "        invoice.status = status.value\n",
        ),
        likely=("tests/contracts/test_events.py", _EVENTS),
    ),
    bug(
        "no listener hears of an event",
        ("portal/events/operations.py", "        if listener.when(event):\n", "        if False:\n"),
        likely=("tests/integration/test_outcomes.py",),
    ),
    bug(
        "signals are sent before the commit",
        (
            "portal/events/operations.py",
            "        run_after_commit(session, partial(send_signal, event_id, event))\n",
            "        send_signal(event_id, event)\n",
        ),
        likely=(_EVENTS,),
    ),
)
