"""Seeded bugs: the signatures of gateways' events."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_COMPARISONS = "tests/integration/test_secret_comparisons.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "the signature of an event is not checked",
        ("portal/gateways/sandbox/client.py", "if not hmac.compare_digest(expected, signature):", "if not expected:"),
        likely=("tests/contracts/test_gateways_lists_and_events.py",),
    ),
    bug(
        "the signature of Stripe's events is compared letter by letter",
        ("portal/gateways/stripe/events.py", "hmac.compare_digest(ours, theirs) for", "ours == theirs for"),
        likely=(_COMPARISONS,),
    ),
    bug(
        "the signature of an event is compared letter by letter",
        ("portal/gateways/sandbox/client.py", "not hmac.compare_digest(expected, signature)", "expected != signature"),
        likely=(_COMPARISONS,),
    ),
)
