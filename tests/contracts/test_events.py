"""The list of events is one list, statuses have one writer, and nothing writes audit, events or outbox beside `record`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from portal.events.listeners import LISTENERS
from portal.events.rules import EventType
from portal.events.signals import BY_NAME, SIGNALS
from portal.invoices.operations.status import EVENT_OF as INVOICE_EVENTS
from portal.invoices.rules import InvoiceStatus
from portal.payment_methods.operations.methods import EVENT_OF as METHOD_EVENTS
from portal.payment_methods.rules import MethodStatus
from portal.payments.operations.status import EVENT_OF as PAYMENT_EVENTS
from portal.payments.rules.statuses import PaymentStatus
from portal.rendering.renderer import Renderer
from portal.worker import build_handlers

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for path in (ROOT / "portal").rglob("*.py") if "migrations" not in path.parts)

WRITERS = {"portal/events/operations.py"}
"""Who writes audit entries and events."""
ENQUEUERS = {
    "portal/events/operations.py",
    "portal/outbox/operations.py",
    # Asking for a mail to sign in changes nothing, and a known and an unknown address leave the same rows (threats, rule 5).
    "portal/sign_in/operations/requesting.py",
    # So does asking for a fresh code.
    "portal/sign_in/operations/confirmations.py",
    # Who gets copies of a mail is decided when the mail leaves; to ask an address is a mail of no event's object.
    "portal/notices/operations.py",
    # That last month's statement is ready happens to no object: the month ended.
    "portal/statement/operations.py",
    # Having a gateway forget a token is work, which is put off for as long as a payment needs it.
    "portal/payment_methods/operations/methods.py",
    "portal/payment_methods/operations/removal.py",
}
STATUS_WRITERS = {
    "portal/payments/operations/status.py": {"payment"},
    "portal/invoices/operations/status.py": {"invoice"},
    "portal/refunds/operations.py": {"refund"},
    "portal/payment_methods/operations/methods.py": {"method"},
    # Of a setup, which is no object of the outside and has no event for each status.
    "portal/payment_methods/operations/setups.py": {"setup"},
    # Of an export, which is no object of the outside either; its two steps are events of the customer.
    "portal/privacy/operations/exporting.py": {"export"},
}


@pytest.fixture(scope="module")
def trees() -> list[tuple[str, ast.Module]]:
    """Every module of the portal, parsed once: that takes most of the time of these tests."""
    return [
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in MODULES
        if "sandbox_gateway" not in path.parts
    ]


def test_document_names_each_event_and_whether_it_is_internal() -> None:
    text = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z_]+\.[a-z_]+`.*?) \|", text, flags=re.M)
    named = {name: bool(mark) for row in rows for name, mark in re.findall(r"`([a-z_]+\.[a-z_]+)`( \(i\))?", row)}

    assert named == {event_type.value: not event_type.is_public for event_type in EventType}


def test_each_status_has_an_event_of_its_own() -> None:
    for statuses, events in (
        (PaymentStatus, PAYMENT_EVENTS),
        (InvoiceStatus, INVOICE_EVENTS),
        (MethodStatus, METHOD_EVENTS),
    ):
        assert set(events) == {status.value for status in statuses}
        assert len(set(events.values())) == len(events)


def test_each_public_event_has_a_signal_and_no_internal_one() -> None:
    assert set(SIGNALS) == {event_type for event_type in EventType if event_type.is_public}
    assert {"payment_complete", "signed_in", "payment_method_added"} <= set(BY_NAME)


def test_each_listener_has_a_handler(renderer: Renderer) -> None:
    kinds = {listener.kind for listeners in LISTENERS.values() for listener in listeners}

    assert kinds <= set(build_handlers(renderer))


@pytest.mark.parametrize(
    ("names", "allowed"), [({"AuditEntry", "EventRecord"}, WRITERS), ({"OutboxMessage", "enqueue"}, ENQUEUERS)]
)
def test_nothing_writes_beside_record(trees: list[tuple[str, ast.Module]], names: set[str], allowed: set[str]) -> None:
    writers = set()
    for path, tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            first = node.args[0].id if node.args and isinstance(node.args[0], ast.Name) else ""
            if called in names or (called == "insert" and first in names):
                writers.add(path)

    assert writers <= allowed


def test_status_is_written_by_become_alone(trees: list[tuple[str, ast.Module]]) -> None:
    written: dict[str, set[str]] = {}
    for path, tree in trees:
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else ()
            flat = [each for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])]
            for target in flat:
                if isinstance(target, ast.Attribute) and target.attr == "status" and isinstance(target.value, ast.Name):
                    written.setdefault(path, set()).add(target.value.id)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "values":
                assert "status" not in {keyword.arg for keyword in node.keywords}, f"{path} updates a status in bulk"

    assert {path: names for path, names in written.items() if names != {"self"}} == STATUS_WRITERS
