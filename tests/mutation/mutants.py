"""Which faults are made of a module: comparisons, sums, conditions, constants, returns and statements, one at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SUMS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One fault: `before` becomes `after` on `line` of `file`, in the function `within` ("" for the module itself)."""

    file: str
    line: int
    within: str
    before: str
    after: str
    tree: ast.Module

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f" {self.within}" if self.within else "")
        return f"{place}: {self.before}  →  {self.after}"


def mutants_of(file: str) -> list[Mutant]:
    """Every fault that is made of a file, in its order.

    Left alone: annotations, docstrings, what is logged, the words of faults and assertions, and the defaults of a class's
    fields, which are no decisions.
    """
    tree = ast.parse((ROOT / file).read_text())
    return [
        _mutant(file, tree, place, node, changed, within)
        for place, node, within in _places(tree)
        for changed in _changes(node)
    ]


Place = tuple[tuple[str, int | None], ...]
"""The way to a node from the module down: fields, and the index where the field is a list."""


def _places(node: ast.AST, place: Place = (), within: str = "") -> Iterator[tuple[Place, ast.AST, str]]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_left_alone(node, name, child):
                continue
            here = (*place, (name, index if isinstance(value, list) else None))
            inner = (
                f"{within}.{child.name}".lstrip(".") if isinstance(child, ast.FunctionDef | ast.ClassDef) else within
            )
            yield here, child, within
            yield from _places(child, here, inner)


def _is_left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    is_words = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
    is_logged = isinstance(child, ast.Expr) and ast.unparse(child).startswith("log.")
    is_message = isinstance(parent, ast.Assert) and field == "msg"
    is_fault = isinstance(parent, ast.Raise)
    is_field = isinstance(parent, ast.ClassDef) and isinstance(child, ast.AnnAssign)
    is_import = isinstance(child, ast.Import | ast.ImportFrom)
    return is_words or is_logged or is_message or is_fault or is_field or is_import


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node is changed into, one fault each."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            yield _with(node, ops=[_COMPARISONS[type(op)]()])
        case ast.BinOp(op=op) if type(op) in _SUMS:
            yield _with(node, op=_SUMS[type(op)]())
        case ast.AugAssign(op=op) if type(op) in _SUMS:
            yield _with(node, op=_SUMS[type(op)]())
        case ast.BoolOp(op=ast.And()):
            yield _with(node, op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield _with(node, op=ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)) if value:
            yield ast.Constant(f"{value}?")
        case ast.If(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield _with(node, value=ast.Constant(None))
        case ast.Raise() | ast.Continue() | ast.Assert():
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() | ast.Tuple(elts=[ast.Attribute(), *_])]):
            yield ast.Pass()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _mutant(file: str, tree: ast.Module, place: Place, node: ast.AST, changed: ast.AST, within: str) -> Mutant:
    whole = copy.deepcopy(tree)
    parent: ast.AST = whole
    for name, index in place[:-1]:
        value = getattr(parent, name)
        parent = value if index is None else value[index]
    name, index = place[-1]
    ast.copy_location(changed, node)
    replacement = copy.deepcopy(changed)
    if index is None:
        setattr(parent, name, replacement)
    else:
        getattr(parent, name)[index] = replacement
    ast.fix_missing_locations(whole)
    line = getattr(node, "lineno", 0)
    return Mutant(file, line, within, _shown(node), _shown(changed), whole)


def _shown(node: ast.AST) -> str:
    """The node in one line; of a condition its head alone."""
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= 100 else f"{text[:97]}…"
