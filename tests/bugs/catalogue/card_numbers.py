"""Seeded bugs: card numbers."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_PAYING = "tests/integration/test_paying.py"
_PASTED = "tests/contracts/test_pasted_card_numbers.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a card number pasted into an amount throws the form away",
        (
            "portal/checkout/views/choose.py",
            'fields=("amount", "first_amount", "phone", "purchase_order")',
            'fields=("first_amount", "phone", "purchase_order")',
        ),
        likely=(_PASTED,),
    ),
    bug(
        "a pasted card number stays in its field",
        ("portal/web/card_numbers.py", '"" if name in pasted else value', "value"),
        likely=(_PASTED,),
    ),
    bug(
        "a card number in a gateway's words is kept",
        (
            "portal/payments/operations/outcomes.py",
            "mask_card_numbers(outcome.failure_message) if outcome.failure_message else None",
            "outcome.failure_message",
        ),
        likely=(_PAYING,),
    ),
    bug(
        "a card number is logged",
        ("portal/json_logs.py", "        return mask_card_numbers(value)\n", "        return value\n"),
        likely=("tests/unit/test_json_logs.py",),
    ),
    bug(
        "a card number stays in the address of a page",
        ("portal/web/card_numbers.py", "if pair != _REMOVED and not _holds_card_number(pair)]", "if pair != _REMOVED]"),
        likely=(_PASTED,),
    ),
)
