"""Makes faults in the rules of money, the ledger and the recording of outcomes, and prints those that no test notices."""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.running import MutationRun

FILES = (
    "portal/money.py",
    "portal/payments/rules/statuses.py",
    "portal/payments/rules/amounts.py",
    "portal/payments/rules/choices.py",
    "portal/payments/operations/outcomes.py",
    "portal/payments/operations/intents.py",
    "portal/payments/operations/limits.py",
    "portal/payments/operations/locks.py",
    "portal/payments/operations/orders.py",
    "portal/payments/queries/shares.py",
    "portal/payments/queries/holders.py",
    "portal/ledger/rules.py",
    "portal/ledger/operations/checking.py",
    "portal/ledger/operations/posting.py",
    "portal/credit/operations.py",
    "portal/invoices/operations/balance.py",
    "portal/invoices/queries/payable.py",
    "portal/refunds/rules.py",
    "portal/refunds/operations.py",
)
STATE_MACHINE = frozenset({"portal/payments/rules/statuses.py", "portal/payments/operations/outcomes.py"})
"""Here every survivor is on the list of equivalents, with its reason."""
LEAST_KILLED = 0.9
"""Over all files, of the faults that are not on that list."""
TESTS = (
    "tests/unit/ledger",
    "tests/unit/test_money.py",
    "tests/unit/payments",
    "tests/contracts/test_docs.py::test_transitions_of_payments_are_those_of_the_rules",
    "tests/integration/test_choices.py",
    "tests/integration/test_credit.py",
    "tests/integration/test_import_invoices.py",
    "tests/integration/test_import_payments.py",
    "tests/integration/test_invoice_balance.py",
    "tests/integration/test_ledger.py",
    "tests/integration/test_outcomes.py",
    "tests/integration/test_pages_checkout.py",
    "tests/integration/test_pages_ways_to_pay.py",
    "tests/integration/test_paying.py",
    "tests/integration/test_prompts.py",
    "tests/integration/test_reads.py",
    "tests/integration/test_refunded_credit.py",
    "tests/integration/test_refunding.py",
    "tests/integration/test_resolving.py",
    "tests/integration/test_ways_to_pay.py",
)
EQUIVALENT = Path(__file__).parent / "equivalent.toml"


def main() -> int:
    """The command; 1 when too much survives, or when a fault in the state machine survives that nobody has explained."""
    options = _read_options()
    started = time.monotonic()
    known = _equivalents()
    mutants = [mutant for file in options.file or FILES for mutant in mutants_of(file)]
    stale = set(known) - {_key(mutant) for file in FILES for mutant in mutants_of(file)}
    if stale:
        print(*(f"FAILED: listed as equivalent, and made no more: {' '.join(key)}" for key in sorted(stale)), sep="\n")
        return 1
    mutants = [mutant for mutant in mutants if _key(mutant) not in known]
    run = MutationRun(mutants, options.jobs)
    pytest.main(["-n0", "-q", "-p", "no:cacheprovider", "-k", "not postgresql", *TESTS], plugins=[run])
    if run.has_failed or len(run.results) != len(mutants):
        print("FAILED: the tests do not pass as they are")
        return 1
    survivors = [mutant for number, mutant in enumerate(mutants) if not run.results[number]]
    return _tell(mutants, survivors, known, time.monotonic() - started)


def _tell(mutants: list[Mutant], survivors: list[Mutant], known: dict[tuple[str, ...], str], seconds: float) -> int:
    made, left = Counter(mutant.file for mutant in mutants), Counter(mutant.file for mutant in survivors)
    listed = Counter(key[0] for key in known)
    for survivor in survivors:
        print(f"survived {survivor}")
    for file in made:
        print(f"{file}: {made[file] - left[file]} killed, {left[file]} survived, {listed[file]} equivalent")
    share = 1 - len(survivors) / len(mutants)
    print(f"killed {len(mutants) - len(survivors)} of {len(mutants)} ({share:.1%}) in {seconds:.0f} s")
    faults = [f"{share:.1%} killed, where {LEAST_KILLED:.0%} have to be"] if share < LEAST_KILLED else []
    faults += [f"unexplained in the state machine: {s}" for s in survivors if s.file in STATE_MACHINE]
    for fault in faults:
        print(f"FAILED: {fault}")
    return 1 if faults else 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--file", action="append", choices=FILES, help="this file alone (may be given more than once)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    return parser.parse_args()


def _equivalents() -> dict[tuple[str, ...], str]:
    """The faults that change nothing that anybody could see, and why."""
    entries = tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    return {(entry["file"], entry["within"], entry["before"], entry["after"]): entry["why"] for entry in entries}


def _key(mutant: Mutant) -> tuple[str, ...]:
    return mutant.file, mutant.within, mutant.before, mutant.after


if __name__ == "__main__":
    sys.exit(main())
