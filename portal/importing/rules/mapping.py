"""Maps each field to the source of its value: a column, a fixed value, or a text with placeholders for columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.importing.errors import MappingFault

EMPTY = frozenset({"", "(blank)"})  # "(blank)" is how a pivot table writes an empty cell.
_PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Fields:
    """What an object is made of. `names` may be mapped; `prefixes` begin names of which the rest is free (`metadata.`);
    of each group in `needed` at least one field must have a source."""

    names: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...]
    prefixes: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        return name in self.names or any(
            name.startswith(prefix) and len(name) > len(prefix) for prefix in self.prefixes
        )


@dataclass(frozen=True, slots=True)
class _Template:
    """A text with placeholders; `parts` are texts and positions of columns. Empty when one of its cells is."""

    parts: tuple[str | int, ...]

    def fill(self, cells: Sequence[str]) -> str:
        filled = []
        for part in self.parts:
            text = part if isinstance(part, str) else cells[part].strip()
            if isinstance(part, int) and text in EMPTY:
                return ""
            filled.append(text)
        return "".join(filled)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the value of each mapped field comes from."""

    columns: Mapping[str, int]
    templates: Mapping[str, _Template]

    @property
    def names(self) -> set[str]:
        return {*self.columns, *self.templates}

    @property
    def constants(self) -> dict[str, str]:
        """The fields that have the same value in each row."""
        return {
            name: "".join(str(part) for part in template.parts)
            for name, template in self.templates.items()
            if not any(isinstance(part, int) for part in template.parts)
        }

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        """The fields of a row that are not empty."""
        found = {name: cells[position].strip() for name, position in self.columns.items()}
        for name, template in self.templates.items():
            found[name] = template.fill(cells)
        return {name: value for name, value in found.items() if value not in EMPTY}


def compile_sources(
    fields: Fields, columns: Sequence[str], maps: Sequence[tuple[str, str]], sets: Sequence[tuple[str, str]]
) -> Sources:
    """Combine the command's mapping with the file's columns; a column with a field's name is that field.

    Raises MappingFault with every fault at once.
    """
    faults = _duplicates([name for name, _ in (*maps, *sets)])
    faults += [_no_field(name, fields) for name, _ in (*maps, *sets) if not fields.has(name)]
    faults += [_no_column(column, columns) for _, column in maps if columns.count(column) != 1]
    wanted = {name: _template(text, columns, faults) for name, text in sets}
    found = {name: columns.index(column) for name, column in maps if column in columns}
    for position, column in enumerate(columns):
        if fields.has(column) and column not in wanted and column not in dict(maps):
            found.setdefault(column, position)
    named = {name for name, _ in (*maps, *sets)} | set(found)
    missing = [" or ".join(group) for group in fields.needed if not named.intersection(group)]
    if missing:
        faults.append(
            f"nothing says where {', '.join(missing)} come{'s' if len(missing) == 1 else ''} from (--map field=Column)"
        )
    if any("column" in fault or "Column" in fault for fault in faults):
        faults.append(f"the file has the columns {_listed(columns)}")
    if faults:
        raise MappingFault("; ".join(dict.fromkeys(faults)))
    return Sources(found, wanted)


def _template(text: str, columns: Sequence[str], faults: list[str]) -> _Template:
    parts: list[str | int] = []
    for place, part in enumerate(_PLACE.split(text)):
        if place % 2 == 0:
            parts += [part] if part else []
        elif columns.count(part) == 1:
            parts.append(columns.index(part))
        else:
            faults.append(_no_column(part, columns))
    return _Template(tuple(parts))


def _no_field(name: str, fields: Fields) -> str:
    return f"there is no field {name}; there are {', '.join((*fields.names, *(f'{prefix}…' for prefix in fields.prefixes)))}"


def _no_column(column: str, columns: Sequence[str]) -> str:
    if column in columns:
        return f"the file has more than one column {column}"
    return f"the file has no column {column}"


def _duplicates(names: Sequence[str]) -> list[str]:
    return [f"the field {name} is given twice" for name in dict.fromkeys(names) if names.count(name) > 1]


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:30])
    return shown if len(columns) <= 30 else f"{shown} and {len(columns) - 30} more"
