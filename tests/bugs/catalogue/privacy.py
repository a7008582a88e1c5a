"""Seeded bugs: exports and erasures."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_ERASURE = "tests/integration/test_erasure.py"
_ERASING = "tests/integration/test_erasing.py"
_EXPORTS = "tests/integration/test_exports.py"
_PAGES = "tests/integration/test_pages_privacy.py"

BUGS: tuple[Bug, ...] = (
    bug(
        "an erasure begins while money is under way",
        (
            "portal/privacy/operations/erasing.py",
            "    if erasure is None or erasure.begun_at is not None or read_money_under_way(session, scope):\n",
            "    if erasure is None or erasure.begun_at is not None:\n",
        ),
        (
            "portal/privacy/operations/erasing.py",
            "    if read_money_under_way(session, scope):\n        return False\n",
            "",
        ),
        likely=(_ERASING,),
    ),
    bug(
        "an erasure forgets the address before the farewell has left",
        (
            "portal/privacy/jobs.py",
            "    if database.run(partial(has_to_wait, scope=scope, at=at)):\n",
            "    if False:\n",
        ),
        likely=(_ERASURE,),
    ),
    bug(
        "an erasure leaves what events said",
        ("portal/privacy/rules/registry.py", "_scrub(below) if key in KEPT_OF_PAYLOADS else _empty(below)", "below"),
        likely=(_ERASURE,),
    ),
    bug(
        "an erasure takes another customer's rows",
        (
            "portal/privacy/queries.py",
            "        return sa.and_(of_merchant, table.c[owner.column] == scope.customer_id)\n",
            "        return sa.and_(of_merchant, table.c[owner.column] != '')\n",
        ),
        likely=(_ERASURE, _EXPORTS),
    ),
    bug(
        "what comes late to an erased customer stays",
        ("portal/privacy/jobs.py", "        rows = reader.execute(_LATE).all()\n", "        rows = []\n"),
        likely=(_ERASING,),
    ),
    bug(
        "an erasure is finished by each worker that comes to its end",
        (
            "portal/privacy/operations/erasing.py",
            "    if erasure.erased_at is not None:\n        return False\n    erasure.erased_at, erasure",
            "    erasure.erased_at, erasure",
        ),
        likely=(_ERASURE,),
    ),
    bug(
        "SQLite leaves what is erased in its file",
        ("portal/database.py", '"secure_delete=ON"', '"secure_delete=OFF"'),
        likely=(_ERASURE,),
    ),
    bug(
        "an export is downloaded without a fresh code",
        (
            "portal/privacy/views.py",
            "    if needs_code():\n        return redirect_to(code_page(_CONFIRMED))\n",
            "",
        ),
        likely=(_PAGES,),
    ),
    bug(
        "an erasure is requested without a fresh code",
        (
            "portal/privacy/views.py",
            "    if needs_code():\n        return ask_for_code(_CONFIRMED)\n    wanted: Callable",
            "    wanted: Callable",
        ),
        likely=(_PAGES,),
    ),
    bug(
        "an export has the gateway's tokens",
        ("portal/privacy/rules/registry.py", '            secret=("token", "fingerprint"),\n', ""),
        likely=(_EXPORTS,),
    ),
    bug(
        "an export of a deleted customer is kept",
        ("portal/privacy/operations/exporting.py", " or customer is None or customer.deleted_at is not None:", ":"),
        likely=(_EXPORTS,),
    ),
)
