"""Seeded bugs: the ledger, credit and refunds."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_MONEY = "portal/migrations/versions/2026_11_24_money.py"
_WAYS = "tests/integration/test_ways_to_pay.py"
_LEDGER = "tests/integration/test_ledger.py"
_REFUNDING = "tests/integration/test_refunding.py"
_RACES = "tests/integration/test_money_races.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "the ledger may be changed",
        (_MONEY, "    for table in _APPEND_ONLY:\n", "    for table in ():\n"),
        likely=(_LEDGER,),
    ),
    bug(
        "the database takes transactions that do not sum to zero",
        (_MONEY, "group by currency having sum(amount) <> 0", "group by currency having sum(amount) is null"),
        likely=(_LEDGER,),
    ),
    bug(
        "a happening is booked twice",
        (
            "portal/ledger/models.py",
            '        sa.UniqueConstraint("merchant_id", "kind", "source", name="uq_ledger_transactions_one_effect"),\n',
            "",
        ),
        (
            _MONEY,
            '        sa.UniqueConstraint("merchant_id", "kind", "source", name="uq_ledger_transactions_one_effect"),\n',
            "",
        ),
        likely=(_LEDGER,),
    ),
    bug(
        "the links of the chain do not hold on to each other",
        (
            "portal/ledger/rules.py",
            "_sha256(_FORMAT, before.hex(), str(sequence), transaction_digest.hex())",
            "_sha256(_FORMAT, str(sequence), transaction_digest.hex())",
        ),
        likely=(_LEDGER,),
    ),
    bug(
        "the check of customers' credit is gone",
        (
            "portal/credit/models.py",
            'sa.CheckConstraint("amount_reserved <= amount", name="never_beyond_amount")',
            'sa.CheckConstraint("amount_reserved = amount_reserved", name="never_beyond_amount")',
        ),
        (_MONEY, 'sa.CheckConstraint("amount_reserved <= amount", name', 'sa.CheckConstraint("amount = amount", name'),
        likely=(_RACES,),
    ),
    bug(
        # Two safeguards overlap here: the condition of the statement, and the check of the table.
        "credit is held that is not there, and no check refuses it",
        (
            "portal/credit/operations.py",
            ".where(*_ONE, _FREE >= _BY).values(amount_reserved",
            ".where(*_ONE).values(amount_reserved",
        ),
        (
            "portal/credit/models.py",
            'sa.CheckConstraint("amount_reserved <= amount", name="never_beyond_amount")',
            'sa.CheckConstraint("amount_reserved = amount_reserved", name="never_beyond_amount")',
        ),
        (_MONEY, 'sa.CheckConstraint("amount_reserved <= amount", name', 'sa.CheckConstraint("amount = amount", name'),
        likely=(_WAYS, _RACES),
    ),
    bug(
        "more is refunded than was captured",
        (
            "portal/refunds/operations.py",
            "    if not 0 < amount <= left:\n",
            "    if amount <= 0:\n",
        ),
        likely=(_REFUNDING,),
    ),
    bug(
        "credit that is refunded in money stays credit",
        (
            "portal/refunds/operations.py",
            "    taken = _take_credit(session, payment, money, left, actor, now)\n",
            "    taken = Money(0, payment.currency)\n",
        ),
        likely=("tests/integration/test_refunded_credit.py",),
    ),
    bug(
        "a refund is resent by every caller",
        (
            "portal/refunds/operations.py",
            '        _REFUNDS.c.sent_at.is_not_distinct_from(sa.bindparam("last_sent_at")),\n'
            "        sa.func.coalesce(_REFUNDS.c.sent_at, _REFUNDS.c.created_at) <= "
            'sa.bindparam("sent_before"),\n',
            "",
        ),
        likely=(_REFUNDING,),
    ),
    bug(
        "money may be a float",
        ("portal/money.py", "type(self.amount) is not int or abs(", "abs("),
        likely=("tests/unit/test_money.py",),
    ),
)
