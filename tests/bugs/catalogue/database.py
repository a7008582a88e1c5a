"""Seeded bugs: transactions, constraints, and whose rows a statement reads."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_PAYING = "tests/integration/test_paying.py"
_DATABASE = "tests/integration/test_database.py"
_POWER_CUTS = "tests/crash/test_power_cuts.py"
_RACES = "tests/integration/test_money_races.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a balance is read, changed and written",
        (
            "portal/invoices/operations/balance.py",
            "    return _changed(session, _RESERVE, merchant_id, invoice_id, amount, at)\n",
            "    reserved = session.execute(sa.select(Invoice.amount_reserved).where("
            "Invoice.merchant_id == merchant_id, Invoice.id == invoice_id)).scalar_one()\n"
            "    changes = _RESERVE.values(amount_reserved=reserved + amount)\n"
            "    return _changed(session, changes, merchant_id, invoice_id, amount, at)\n",
        ),
        likely=(_RACES, _DATABASE),
    ),
    bug(
        "the write lock is taken late",
        ("portal/database.py", 'connection.execute("BEGIN IMMEDIATE")', 'connection.execute("BEGIN")'),
        likely=(_DATABASE,),
    ),
    bug(
        "a commit is not on the disk when it is reported",
        ("portal/database.py", '"synchronous=FULL"', '"synchronous=NORMAL"'),
        likely=(_POWER_CUTS, _DATABASE),
    ),
    bug(
        # Beside it stands the session's tie to its customer, which says the merchant once more.
        "a session of any merchant signs in at this one",
        (
            "portal/sign_in/queries/__init__.py",
            'SignInSession.merchant_id == sa.bindparam("merchant_id"),\n'
            '        Customer.merchant_id == sa.bindparam("merchant_id"),\n        SignInSession.token_digest',
            "SignInSession.token_digest",
        ),
        likely=("tests/integration/test_sign_in_sessions.py",),
    ),
    bug(
        "a customer may confirm another one's payment",
        (
            "portal/payments/operations/locks.py",
            '        Payment.customer_id == sa.bindparam("customer_id"),\n        Payment.id == sa.bindparam("id"),',
            '        Payment.id == sa.bindparam("id"),',
        ),
        likely=(_PAYING,),
    ),
)
