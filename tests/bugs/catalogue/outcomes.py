"""Seeded bugs: what a gateway's answer means for a payment."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_INTENTS = "portal/payments/operations/intents.py"
_PAYING = "tests/integration/test_paying.py"
_RESOLVING = "tests/integration/test_resolving.py"
_WAYS = "tests/integration/test_ways_to_pay.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "an unknown outcome is taken for a failure",
        (
            "portal/payments/rules/statuses.py",
            "        case State.FAILED:\n",
            "        case State.FAILED | State.UNKNOWN:\n",
        ),
        likely=(_RESOLVING,),
    ),
    bug(
        "a success of another amount is booked",
        (
            "portal/payments/rules/statuses.py",
            "    if outcome.reference != reference or is_other_money:\n",
            "    if outcome.reference != reference:\n",
        ),
        likely=(_RESOLVING,),
    ),
    bug(
        "another payment's success is booked",
        (
            "portal/payments/rules/statuses.py",
            "    if outcome.reference != reference or is_other_money:\n",
            "    if is_other_money:\n",
        ),
        likely=(_RESOLVING,),
    ),
    bug(
        "money that comes late is dropped",
        (
            "portal/payments/rules/statuses.py",
            '**{status: frozenset({"complete"}) for status in ENDED_WITHOUT_MONEY},',
            "**{status: frozenset() for status in ENDED_WITHOUT_MONEY},",
        ),
        likely=(_RESOLVING,),
    ),
    bug(
        "what a failed payment held is not released",
        ("portal/payments/operations/outcomes.py", "            _release(session, payment, at)\n", ""),
        likely=(_PAYING,),
    ),
    bug(
        "what is confirmed need not be what was shown",
        (
            _INTENTS,
            "    if (version or shown_version(payment.id, chosen, method_id)) != shown_version(payment.id, pricing, method_id):\n",
            "    if pricing is None:\n",
        ),
        likely=(_PAYING, _WAYS),
    ),
)
