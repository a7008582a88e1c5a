"""Payments are written as objects, whose changes are noted, or noted by hand: what is derived from them would go stale in silence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_WRITES = {"insert", "update", "delete"}


def writes_without_objects(tree: ast.AST) -> bool:
    """Whether code names the table of payments to a statement that writes, or hands the table on in a list of tables."""
    types = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    return any(
        (isinstance(node, ast.Call) and _name(node.func) in _WRITES and any(map(_is_payment, node.args)))
        or (isinstance(node, ast.Tuple | ast.List) and id(node) not in types and any(map(_is_payment, node.elts)))
        for node in ast.walk(tree)
    )


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_payment(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return any(map(_is_payment, node.args))
    if isinstance(node, ast.Attribute):
        return node.attr == "__table__" and _is_payment(node.value)
    return isinstance(node, ast.Name) and node.id == "Payment"


def test_payments_are_written_as_objects_or_noted() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "portal").rglob("*.py")
        if "migrations" not in path.parts
        and writes_without_objects(ast.parse(source := path.read_text()))
        and "note_rows(" not in source
    }

    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        "sa.update(Payment).where(x)",
        "sa.insert(cast(sa.Table, Payment.__table__))",
        "delete(Payment)",
        "for model in ((Payment, 1),): pass",
    ],
)
def test_statement_without_objects_is_noticed(code: str) -> None:
    assert writes_without_objects(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "Payment(id=1)",
        "sa.select(Payment).with_for_update(of=Payment)",
        "sa.update(Invoice)",
        "def f(known: dict[str, Payment]) -> tuple[str, Payment]: ...",
    ],
)
def test_other_code_is_left_alone(code: str) -> None:
    assert not writes_without_objects(ast.parse(code))
