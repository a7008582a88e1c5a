"""Runs the portal's statements without what SQLAlchemy does anew at each execution, which is half of the time of a run.

A statement that the portal builds once is compiled once, by SQLAlchemy and for SQLite, and then goes to SQLite as text and values,
converted by its own types in both directions. All else goes through SQLAlchemy as it does elsewhere: objects of the ORM,
statements that are built anew, what is in a savepoint of the portal's own, and defaults that are functions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.expression import ClauseElement, Delete, Insert, Select, TextClause, Update

Converter: TypeAlias = Callable[[Any], Any]
Parameters: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Changed:
    """What a statement without rows returns."""

    rowcount: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement for parameters of certain names and lengths.

    `values` are the parameters in their order, each with what converts it; `lists` the names of the items of those that are lists,
    `constants` the statement's own values. `converters` are those of columns, by their index.
    """

    sql: str
    values: Sequence[tuple[str, Converter | None]]
    lists: Mapping[str, Sequence[str]]
    constants: Parameters
    columns: SimpleResultMetaData | None
    converters: Sequence[tuple[int, Converter]]

    def run(self, connection: sqlite3.Connection, parameters: Parameters) -> Any:
        cursor = connection.execute(self.sql, self._values_of(parameters))
        if cursor.description is None:
            return Changed(cursor.rowcount)
        columns = self.columns or SimpleResultMetaData([column[0] for column in cursor.description])
        return IteratorResult(columns, iter(self._convert(cursor.fetchall())))

    def run_many(self, connection: sqlite3.Connection, many: Iterable[Parameters]) -> Changed:
        return Changed(connection.executemany(self.sql, map(self._values_of, many)).rowcount)

    def _values_of(self, parameters: Parameters) -> list[Any]:
        found = {**self.constants, **parameters}
        for name, items in self.lists.items():
            found.update(zip(items, found[name], strict=True))
        return [found[name] if convert is None else convert(found[name]) for name, convert in self.values]

    def _convert(self, rows: list[Any]) -> list[Any]:
        if not self.converters or not rows:
            return rows
        converted = [list(row) for row in rows]
        for row in converted:
            for index, convert in self.converters:
                row[index] = convert(row[index])
        return [tuple(row) for row in converted]


@dataclass(slots=True)
class _Forms:
    """A statement for parameters of certain names, by the lengths of those that are lists: of so many placeholders is its text.
    None where it has to go through SQLAlchemy."""

    lists: tuple[str, ...]
    by_lengths: dict[tuple[int, ...], Prepared | None] = field(default_factory=dict)


class Statements:
    """The statements of the portal that were run before, prepared for one connection."""

    def __init__(self, connection: sqlite3.Connection, dialect: sa.Dialect) -> None:
        self.are_used = True
        """False sends every statement through SQLAlchemy, to compare the two."""
        self._connection, self._dialect = connection, dialect
        self._known: WeakKeyDictionary[ClauseElement, dict[tuple[str, ...], _Forms]] = WeakKeyDictionary()

    def find(self, statement: Any, parameters: Parameters | Sequence[Parameters] | None) -> Callable[[], Any] | None:
        """Return what runs a statement and returns its result; None where it has to go through SQLAlchemy."""
        if not self.are_used:
            return None
        known = self._known.get(statement)
        if known is None:
            self._known[statement] = {}  # It may be one that is built anew each time.
            return None
        if isinstance(parameters, list):
            prepared = self._prepared(known, statement, parameters[0])
            return partial(prepared.run_many, self._connection, parameters) if prepared else None
        one: Any = parameters or {}
        prepared = self._prepared(known, statement, one)
        return partial(prepared.run, self._connection, one) if prepared else None

    def _prepared(
        self, known: dict[tuple[str, ...], _Forms], statement: ClauseElement, parameters: Parameters
    ) -> Prepared | None:
        names = tuple(parameters)
        forms = known.get(names)
        if forms is None:
            lists = tuple(name for name, value in parameters.items() if isinstance(value, list | tuple))
            forms = known[names] = _Forms(lists)
        lengths = tuple([len(parameters[name]) for name in forms.lists]) if forms.lists else ()
        if lengths not in forms.by_lengths:
            forms.by_lengths[lengths] = self._prepare(statement, parameters)
        return forms.by_lengths[lengths]

    def _prepare(self, statement: ClauseElement, parameters: Parameters) -> Prepared | None:
        if not isinstance(statement, TextClause | Select | Insert | Update | Delete) or _is_of_orm(statement):
            return None
        compiled: Any = statement.compile(dialect=self._dialect, column_keys=list(parameters))
        defaults = (*compiled.insert_prefetch, *compiled.update_prefetch)
        if compiled.implicit_returning or not all(column.default.is_scalar for column in defaults):
            return None
        constants = {**compiled.params, **{column.key: column.default.arg for column in defaults}}
        expanded = compiled.construct_expanded_state({**constants, **parameters})
        lists = expanded.parameter_expansion
        whole = {item: name for name, items in lists.items() for item in items}
        values = [
            (name, self._impl(compiled.binds[whole.get(name, name)].type).bind_processor(self._dialect))
            for name in expanded.positiontup
        ]
        columns = [] if isinstance(statement, TextClause) else list(statement.exported_columns)
        converters = [
            (index, convert)
            for index, column in enumerate(columns)
            if (convert := self._impl(column.type).result_processor(self._dialect, None)) is not None
        ]
        metadata = SimpleResultMetaData([str(column.key) for column in columns]) if columns else None
        return Prepared(expanded.statement, values, lists, constants, metadata, converters)

    def _impl(self, kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
        return kind.dialect_impl(self._dialect)


def _is_of_orm(statement: Any) -> bool:
    if isinstance(statement, Select):
        return any(column["entity"] is not None for column in statement.column_descriptions if "entity" in column)
    return not isinstance(statement, TextClause) and "entity" in statement.entity_description
