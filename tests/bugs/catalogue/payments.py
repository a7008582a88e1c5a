"""Seeded bugs: one payment an invoice, one charge a payment."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_INTENTS = "portal/payments/operations/intents.py"
_SENDING = "portal/payments/operations/sending.py"
_SENDING_RULES = "portal/payments/rules/sending.py"
_AMOUNTS = "portal/payments/rules/amounts.py"
_LEAST = "tests/integration/test_least_amounts.py"
_CALLS = "portal/gateway_calls.py"
_SENT = "tests/integration/test_sending.py"
_UNIT_CALLS = "tests/unit/test_gateway_calls.py"
_PAYING = "tests/integration/test_paying.py"
_RESOLVING = "tests/integration/test_resolving.py"
_DATABASE = "tests/integration/test_database.py"
_POWER_CUTS = "tests/crash/test_power_cuts.py"


def _new_reference(condition: str) -> tuple[tuple[str, str, str], ...]:
    """The changes by which a payment is sent under another reference, where the condition holds."""
    return (
        (
            _SENDING,
            "from dataclasses import dataclass\n",
            "from dataclasses import dataclass, replace\nfrom portal.public_ids import first_id\n",
        ),
        (
            _SENDING,
            "send_request(gateway, claim.request)",
            f'send_request(gateway, replace(claim.request, payment_id=first_id("pay", services.clock.now())) if {condition} else claim.request)',
        ),
    )


BUGS: tuple[Bug, ...] = (
    bug(
        "a payment is locked before its invoices",
        ("portal/payments/operations/outcomes.py", "    lock_invoices_of(session, merchant_id, payment_id)\n", ""),
        likely=("tests/crash/test_crowd.py",),
    ),
    bug(
        "two attempts of one invoice may be active",
        (
            "portal/payments/models.py",
            '"invoice_id",\n            "slot",\n            unique=True,',
            '"invoice_id",\n            "slot",\n            unique=False,',
        ),
        (
            "portal/migrations/versions/2026_11_21_first_tables.py",
            '["merchant_id", "invoice_id", "slot"],\n            unique=True,',
            '["merchant_id", "invoice_id", "slot"],\n            unique=False,',
        ),
        likely=(_PAYING,),
    ),
    bug(
        "nothing is reserved at the confirmation",
        (
            _INTENTS,
            "        if not balance.reserve(session, scope.merchant_id, allocation.invoice_id, allocation.amount, at=now):\n",
            "        if False:\n",
        ),
        likely=(_PAYING,),
    ),
    bug(
        "more is reserved than is left",
        (
            "portal/invoices/operations/balance.py",
            ".where(*_ONE, _INVOICE.status.in_(OUTSTANDING), _FREE >= _BY)",
            ".where(*_ONE, _INVOICE.status.in_(OUTSTANDING))",
        ),
        likely=(_DATABASE, _PAYING),
    ),
    bug(
        "an older checkout stays open beside a newer one",
        (
            "portal/payments/operations/checkouts.py",
            "        if other_id != except_payment_id:\n",
            "        if other_id == except_payment_id:\n",
        ),
        likely=(_PAYING,),
    ),
    bug(
        "a request is resent under a new reference",
        *_new_reference("last_sent_at is not None"),
        likely=(_RESOLVING,),
    ),
    bug(
        "a payment that the worker takes over is sent under a new reference",
        *_new_reference("claim.claimed_at >= claim.confirmed_at + sending.TAKE_OVER_AFTER and last_sent_at is None"),
        likely=(_SENT,),
    ),
    bug(
        "a payment may be sent a month after the press",
        (_SENDING_RULES, "SEND_WITHIN = timedelta(minutes=10)", "SEND_WITHIN = timedelta(days=30)"),
        likely=(_SENT,),
    ),
    bug(
        "a process that was stopped sends when it goes on",
        (
            _SENDING,
            "    if not sending.may_send(claim.confirmed_at, claim.claimed_at, services.clock.now()):\n        return\n",
            "",
        ),
        likely=(_SENT,),
    ),
    bug(
        "several processes send one payment",
        (_SENDING, " or last_sending(payment) != last_sent_at:\n", " or False:\n"),
        likely=(_SENT,),
    ),
    bug(
        "a request in flight is counted as never sent",
        (_SENDING_RULES, "ARRIVES_WITHIN = timedelta(minutes=3)", "ARRIVES_WITHIN = timedelta(0)"),
        likely=(_SENT,),
    ),
    bug(
        "a payment that somebody is sending ends as never sent",
        (
            _SENDING,
            'if payment.status == "processing" and last_sending(payment) == last_sent_at:',
            'if payment.status == "processing":',
        ),
        likely=(_SENT,),
    ),
    bug(
        "nobody carries on a payment that the server left",
        ("portal/worker.py", '    Job("sent", timedelta(seconds=1), send_payments, ORDERS),\n', ""),
        likely=(_SENT, "tests/crash/test_killed.py"),
    ),
    bug(
        "all threads of a server may wait for gateways",
        (_CALLS, "self._waiting = threading.Semaphore(self.most_waiting)", "self._waiting = threading.Semaphore(999)"),
        likely=(_UNIT_CALLS,),
    ),
    bug(
        "each call of a request waits two seconds of its own",
        (_CALLS, "        budget.seconds_left -= time.monotonic() - began\n", ""),
        likely=(_UNIT_CALLS,),
    ),
    bug(
        "a request waits as long as its gateway",
        (_CALLS, "        finished.wait(max(0.0, budget.seconds_left))\n", "        finished.wait()\n"),
        likely=(_UNIT_CALLS,),
    ),
    bug(
        "a request that may be in flight is resent at once",
        (
            "portal/gateways/polling.py",
            "RESEND_AFTER = timedelta(seconds=10)",
            "RESEND_AFTER = timedelta(0)",
        ),
        likely=(_RESOLVING,),
    ),
    bug(
        "the gateway is called inside a transaction",
        (
            _SENDING,
            "    outcome = send_request(gateway, claim.request)\n",
            "    with services.database.unit_of_work() as session:\n"
            "        lock_payment(session, merchant_id, payment_id)\n"
            "        outcome = send_request(gateway, claim.request)\n",
        ),
        likely=(_PAYING, _RESOLVING, "tests/simulation/test_simulation.py", _POWER_CUTS),
    ),
    bug(
        "what a part leaves may be less than is charged",
        (
            _AMOUNTS,
            "    if not limits.allows(total - amount):\n        raise RestTooSmall(limits.least, total - limits.least)\n",
            "",
        ),
        likely=("tests/unit/payments/test_amounts.py", _LEAST),
    ),
    bug(
        "credit leaves less than is charged",
        (_AMOUNTS, "    if charge == 0 or limits.allows(charge):\n", "    if charge >= 0:\n"),
        likely=("tests/unit/payments/test_amounts.py", _LEAST),
    ),
    bug(
        "the confirmation takes the gateway's least amount for granted",
        (_INTENTS, "read_amount(payment), credit=credit, limits=limits)", "read_amount(payment), credit=credit)"),
        likely=(_LEAST,),
    ),
    bug(
        "attempts are without a limit",
        (
            "portal/payments/operations/limits.py",
            "    if wait:\n        raise TooManyAttempts(wait)\n",
            "    if parameters is None:\n        raise TooManyAttempts(wait)\n",
        ),
        likely=(_PAYING,),
    ),
    bug(
        "a stop is not kept for the worker",
        ("portal/payments/operations/paying.py", "        request_stop(payment, actor, now)\n", ""),
        likely=("tests/integration/test_stopping.py",),
    ),
    bug(
        "a gateway that does not answer ends a stop",
        ("portal/payments/operations/stopping.py", "if outcome.state is not State.UNKNOWN:", "if outcome is not None:"),
        likely=("tests/integration/test_stopping.py",),
    ),
)
