"""Watches the portal's statements: one that could see two merchants' rows is an error, and so is one that could lock them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Engine, Table, event
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, Tuple
from sqlalchemy.sql.expression import ClauseElement, Delete, Insert, Select, TextClause, Update
from sqlalchemy.sql.selectable import ForUpdateArg

from portal.database import Base

TENANT = "merchant_id"
ROOT = Path(__file__).resolve().parents[2]
_PORTAL = f"{ROOT}/portal/"
_PASSED_OVER = ("/sqlalchemy/", "/contextlib.py", f"{ROOT}/tests/support/tenancy.py", f"{ROOT}/portal/database.py")
_CHOOSING = (operators.eq, operators.in_op, operators.is_)
_CHOOSING_ONE = (operators.eq, operators.is_)
_LOCKING_TEXT = re.compile(
    r"^\s*(update|delete)\b|\bfor\s+(no\s+key\s+)?update\b|\bfor\s+(key\s+)?share\b", re.IGNORECASE
)

HOUSEKEEPING = frozenset(
    {
        ("update", "sign_in_challenges"),
        ("delete", "sign_in_challenges"),
        ("delete", "sign_in_requests"),
        ("delete", "sign_in_known_browsers"),
        ("delete", "sign_in_persons_browsers"),
        ("delete", "confirmations"),
        ("delete", "passkey_used_challenges"),
        ("delete", "email_changes"),
        ("delete", "portal_sessions"),
        ("delete", "mailed_links"),
        ("delete", "sign_in_sessions"),
        ("delete", "rate_counters"),
        ("delete", "outbox_messages"),
    }
)
"""What `worker.clean_up` does to the rows of all merchants at once: nobody works with such rows any more, and no job waits for it."""


class TenancyBroken(Exception):
    """A statement reads or changes a merchant's table without saying which merchant, or locks the rows of several."""


def watch() -> None:
    """From now on refuse such statements of the portal's own code, on every engine of this process.

    What scans by time for all merchants (queues, reconciling) says so: `.execution_options(tenant_wide=True)`. Such a statement
    only reads (decision 0027). What tests themselves ask is theirs.
    """
    event.listen(Engine, "before_cursor_execute", _check)


def unscoped_tables(statement: ClauseElement) -> set[str]:
    """The merchants' tables that `statement` touches without choosing the merchant. A join chooses it for both, when it is
    chosen for one of them."""
    return _unscoped_in(statement, _CHOOSING)


def tables_locked_over_merchants(statement: ClauseElement) -> set[str]:
    """The merchants' tables in which `statement` may lock rows of more than one merchant: it locks what it selects, updates or
    deletes, and its conditions do not name one merchant. What is housekeeping, by name, is left out."""
    if isinstance(statement, TextClause):
        return unscoped_tables(statement) if _LOCKING_TEXT.search(statement.text) else set()
    if isinstance(statement, Update | Delete):
        verb = "update" if isinstance(statement, Update) else "delete"
        return {table for table in _unscoped_in(statement, _CHOOSING_ONE) if (verb, table) not in HOUSEKEEPING}
    if any(isinstance(node, ForUpdateArg) for node in visitors.iterate(statement)):
        return _unscoped_in(statement, _CHOOSING_ONE)
    return set()


def _unscoped_in(statement: ClauseElement, choosing: tuple[Any, ...]) -> set[str]:
    if isinstance(statement, TextClause):
        return set() if TENANT in statement.text else _named_in(statement.text)
    if isinstance(statement, Insert) and statement.select is None:
        return set()
    if not isinstance(statement, Select | Update | Delete | Insert | sa.CompoundSelect):
        return set()
    nodes = list(visitors.iterate(statement))
    touched = {node.name for node in nodes if isinstance(node, Table) and TENANT in node.c}
    if isinstance(statement, Update | Delete) and isinstance(statement.table, Table) and TENANT in statement.table.c:
        touched.add(statement.table.name)
    if isinstance(statement, Insert):
        touched.discard(statement.table.name)
    return touched - _chosen_in(nodes, choosing)


def _check(_connection: Any, _cursor: Any, _sql: str, _parameters: Any, context: Any, _many: bool) -> None:
    if context.compiled is None:
        return
    faults = _faults_of(context.compiled)
    unscoped = set() if context.execution_options.get("tenant_wide") else faults.unscoped
    if (unscoped or faults.locked) and (place := _line_of_portal()):
        does = (
            f"reads {_list(unscoped)} without {TENANT}" if unscoped else f"locks {_list(faults.locked)} over merchants"
        )
        raise TenancyBroken(f"{place} {does}:\n{context.compiled.statement}")


def _list(tables: set[str]) -> str:
    return ", ".join(sorted(tables))


class _Faults(NamedTuple):
    unscoped: set[str]
    locked: set[str]


# Worked out once for each statement that SQLAlchemy compiles once: most are executed thousands of times.
_OF_COMPILED: WeakKeyDictionary[Compiled, _Faults] = WeakKeyDictionary()
_OF_STATEMENT: dict[tuple[Any, ...], _Faults] = {}


def _faults_of(compiled: Compiled) -> _Faults:
    known = _OF_COMPILED.get(compiled)
    if known is None:
        # Another engine's compiler may have met the same statement.
        key = compiled.cache_key.key if compiled.cache_key else None
        known = _OF_STATEMENT.get(key) if key else None
        if known is None:
            statement = compiled.statement
            known = (
                _Faults(set(), set())
                if statement is None
                else _Faults(unscoped_tables(statement), tables_locked_over_merchants(statement))
            )
            if key:
                _OF_STATEMENT[key] = known
        _OF_COMPILED[compiled] = known
    return known


def _chosen_in(nodes: list[Any], choosing: tuple[Any, ...]) -> set[str]:
    chosen: set[str] = set()
    joins: list[set[str]] = []
    for node in nodes:
        if isinstance(node, BinaryExpression) and node.operator in choosing:
            left, right = _tenants_of(node.left), _tenants_of(node.right)
            if left and right:
                joins.append(left | right)
            else:
                chosen |= left | right
    while reached := [join for join in joins if join & chosen and not join <= chosen]:
        chosen.update(*reached)
    return chosen


def _tenants_of(side: Any) -> set[str]:
    """The tables whose merchant stands on this side of a comparison."""
    found = set()
    for column in _columns_of(side):
        table: Any = getattr(column, "table", None)
        while table is not None and not isinstance(table, Table):
            table = getattr(table, "element", None)
        if column.key == TENANT and table is not None:
            found.add(table.name)
    return found


def _columns_of(side: Any) -> list[ColumnElement[Any]]:
    while isinstance(side, sa.sql.elements.Grouping):
        side = side.element
    if isinstance(side, Tuple):
        return list(side.clauses)
    return [side] if isinstance(side, sa.ColumnClause) else []


def _named_in(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    if not words or words[0] not in ("select", "with", "update", "delete"):
        return set()
    return {table.name for table in Base.metadata.tables.values() if TENANT in table.c and table.name in words}


def _line_of_portal() -> str:
    """The portal's line that ran the statement, or nothing where a test did."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and any(part in frame.f_code.co_filename for part in _PASSED_OVER):
        frame = frame.f_back
    name = frame.f_code.co_filename if frame else ""
    if frame is None or not name.startswith(_PORTAL) or name.startswith(f"{_PORTAL}migrations/"):
        return ""
    return f"{Path(name).relative_to(ROOT)}:{frame.f_lineno}"
