"""Seeded bugs: files of other systems."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

BUGS: tuple[Bug, ...] = (
    bug(
        "an amount with two readings is guessed",
        (
            "portal/importing/rules/amounts.py",
            "        _refuse_two_readings(field, text, decimals)\n",
            "        pass\n",
        ),
        likely=("tests/unit/importing/test_amounts.py", "tests/integration/test_import_cases.py"),
    ),
    bug(
        "a reference of a file may be two people",
        (
            "portal/importing/operations/spool.py",
            "rows.email_key <> first.email_key",
            "rows.email_key <> rows.email_key",
        ),
        likely=("tests/unit/importing/test_spool.py", "tests/integration/test_import_people.py"),
    ),
    bug(
        "a reference that is here gets somebody else's invoices",
        (
            "portal/importing/operations/invoices.py",
            "        if conflict is not None:\n            results",
            "        if False:\n            results",
        ),
        likely=("tests/integration/test_import_people.py",),
    ),
    bug(
        "an address becomes a second customer's",
        (
            "portal/importing/operations/customers.py",
            "            if others and not has_it:\n",
            "            if others and has_it and not others:\n",
        ),
        likely=("tests/integration/test_import_customers.py",),
    ),
    bug(
        "a broken quote swallows whole rows",
        (
            "portal/importing/operations/csv_reader.py",
            "    if cells is None or swallowed:\n",
            "    if cells is None:\n",
        ),
        likely=("tests/unit/importing/test_reading.py",),
    ),
    bug(
        "an invoice is imported without a row that could not be read",
        (
            "portal/importing/rules/invoice_rows.py",
            "    if group.spoilt_by is not None:\n        return _all_refused(group, _not_without(group.spoilt_by))\n",
            "",
        ),
        likely=("tests/unit/importing/test_invoice_rows.py", "tests/integration/test_import_people.py"),
    ),
    bug(
        "a file's payment is booked beside one that was made here",
        (
            "portal/importing/rules/invoice_changes.py",
            "    if payment > 0 and here.paid != here.imported:\n",
            "    if payment < 0 and here.paid != here.imported:\n",
        ),
        likely=("tests/unit/importing/test_settlements.py", "tests/integration/test_import_invoices.py"),
    ),
    bug(
        "an import is undone whose invoices were paid",
        (
            "portal/importing/operations/undoing.py",
            "    if used:\n        more",
            "    if False:\n        more",
        ),
        likely=("tests/integration/test_import_undo.py",),
    ),
)
