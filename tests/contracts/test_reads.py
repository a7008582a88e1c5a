"""A domain's tables are read by the domain: whoever else needs their rows calls its queries. What is packed for a page is named here."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "portal"

# Module → the tables of other domains that it reads, and why it may.
PACKED: Mapping[str, tuple[set[str], str]] = {
    "portal.invoices.queries.invoice_page": (
        {"PaymentMethod"}, "the page of an invoice proposes the default method, in the invoice's own statement",
    ),
    "portal.overview.queries": (
        {"Invoice", "Payment", "PaymentMethod", "CustomerBalance"}, "the overview is two statements, whatever there is",
    ),
    "portal.payments.operations.derived": (
        {"Invoice"}, "a payment is found by the numbers and titles of its invoices, which are read with it in one statement",
    ),
    "portal.payments.queries.filtered_history": (
        {"Invoice"}, "the CSV reads the numbers of the invoices of some hundred payments in one statement",
    ),
    "portal.payments.queries.history": (
        {"Invoice", "Refund"}, "each row of the history has its refunds and its unpaid invoices in columns of its own",
    ),
    "portal.payments.queries.payment_page": (
        {"Invoice", "PaymentMethod"}, "the page of a payment is one statement, and is loaded again while its outcome is open",
    ),
    "portal.payments.queries.standing": (
        {"Refund"}, "each row of the list of invoices says in its own column whether its money is on its way back",
    ),
    "portal.payments.queries.shares": (
        {"Invoice"}, "the review reads invoices, shares and payment in one statement",
    ),
    "portal.statement.queries": (
        {"CreditNote", "Invoice", "LedgerEntry", "LedgerTransaction"},
        "a movement of the ledger counts from the issue of its invoice or credit note, in the statement that sums it",
    ),
    "portal.sign_in.queries": (
        {"Customer", "Person"}, "each request of a signed-in customer reads session, customer and person in one statement",
    ),
    "portal.people.queries": (
        {"Customer"}, "the accounts of a mailbox, its own and those of persons, are one statement, whoever has the address",
    ),
    "portal.notices.queries": (
        {"Invoice"}, "the worker looks for invoices to remind of in one statement with their reminders",
    ),
    "portal.privacy.queries": (
        {"CustomerBalance", "Invoice", "Payment", "Refund"}, "an erasure and its page ask what is under way and owed, summed by currency",
    ),
    "portal.privacy.operations.erasing": (
        {"Customer", "OutboxMessage", "Payment", "PaymentMethod"}, "an erasure locks and ends what a customer has, deleted or not",
    ),
    "portal.privacy.operations.scrubbing": (
        {"Challenge", "Customer", "EmailChange", "EventRecord", "Person", "SignInRequest"}, "an erasure goes through every table by its registry",
    ),
    "portal.privacy.operations.exporting": ({"Customer"}, "an export of a customer that was deleted meanwhile is dropped"),
    "portal.privacy.jobs": ({"AuditEntry"}, "the worker looks for erased customers to whom something has happened since, in one statement"),
    "portal.reconciliation.jobs": (
        {"Merchant"}, "the worker looks for merchants that are due by an outer join with their comparisons",
    ),
}  # fmt: skip

_WRITES = {"insert", "update", "delete"}


def list_modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PORTAL.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] in ("migrations", "sandbox_gateway"):
            continue
        yield ".".join(part for part in parts if part != "__init__"), ast.parse(path.read_text())


@pytest.fixture(scope="module")
def read() -> dict[str, set[str]]:
    """The tables of other domains that each module reads. Read once: to parse all modules takes most of the time of these tests."""
    return {module: find_foreign_reads(module, tree) for module, tree in list_modules()}


def find_foreign_reads(module: str, tree: ast.Module) -> set[str]:
    """The tables of other domains that a module reads: whose columns it names outside of INSERT, UPDATE and DELETE, or which it hands
    over as a whole to be selected."""
    domain = module.split(".")[1] if "." in module else ""
    foreign = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith(".models")
        for alias in node.names
        if node.module.split(".")[1] != domain and alias.name[0].isupper()
    }
    found: set[str] = set()
    _visit(tree, foreign, found)
    return found


def _visit(node: ast.AST, foreign: Mapping[str, str], found: set[str]) -> None:
    if isinstance(node, ast.Call) and _first_of_chain(node) in _WRITES:
        return
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in foreign:
        found.add(foreign[node.value.id])
    if isinstance(node, ast.Call):
        for argument in node.args:
            if isinstance(argument, ast.Name) and argument.id in foreign:
                found.add(foreign[argument.id])
    for child in ast.iter_child_nodes(node):
        _visit(child, foreign, found)


def _first_of_chain(call: ast.Call) -> str:
    """The name of the call that a chain of methods begins with: "update" of sa.update(…).where(…).values(…)."""
    function = call.func
    while isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
        function = function.value.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_tables_are_read_by_their_own_domain(read: dict[str, set[str]]) -> None:
    strays = {module: tables - PACKED.get(module, (set(), ""))[0] for module, tables in read.items()}
    assert {module: tables for module, tables in strays.items() if tables} == {}


def test_each_exception_is_still_needed(read: dict[str, set[str]]) -> None:
    needless = {module: tables - read.get(module, set()) for module, (tables, _) in PACKED.items()}
    assert {module: tables for module, tables in needless.items() if tables} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "sa.select(Payment.id)",
        "sa.select(Payment).where(True)",
        "session.get(Payment, key)",
        "sa.select(Own.id).join(Payment, Own.id == 1)",
        "columns = Payment.__table__.c",
    ],
)
def test_read_of_a_foreign_table_is_noticed(statement: str) -> None:
    tree = ast.parse(f"from portal.payments.models import Payment\n{statement}")

    assert find_foreign_reads("portal.emails.handlers", tree) == {"Payment"}
    assert find_foreign_reads("portal.payments.jobs", tree) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "Payment(id='pay_1')",
        "sa.update(Payment).where(Payment.id == 1).values(amount=1)",
        "def f(a: Payment) -> Payment: ...",
    ],
)
def test_row_that_is_made_changed_or_handed_on_is_no_read(statement: str) -> None:
    tree = ast.parse(f"from portal.payments.models import Payment\n{statement}")

    assert find_foreign_reads("portal.importing.operations.payments", tree) == set()
