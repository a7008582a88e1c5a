"""Maps each field to the source of its value: a column, a fixed value, or a text with placeholders for columns; and says which
words of a file mean another value, or none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.contacts import is_blank
from portal.importing.errors import MappingFault

EMPTY = frozenset({"", "(blank)"})  # "(blank)" is how a pivot table writes an empty cell.
REPORT_COLUMNS = ("line", "reason")
"""What a report of refused rows has in front of the file's own columns; a report that is read again has none of it."""

_PLACE = re.compile(r"\{([^{}]+)\}")
_BETWEEN_WORDS = re.compile(r"[\s_\-]+")
# What a report puts an apostrophe in front of, so that no spreadsheet evaluates it (`operations.reports.safe_cell`).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


@dataclass(frozen=True, slots=True)
class Fields:
    """What an object is made of. `names` may be mapped; `prefixes` begin names of which the rest is free (`metadata.`);
    of each group in `needed` at least one field must have a source."""

    names: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...]
    prefixes: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        return self.find(name) == name

    def find(self, header: str) -> str | None:
        """Return the field of which a header is the name, whatever its case, blanks, hyphens and underscores."""
        key = header_key(header)
        if key in self.names:
            return key
        for prefix in self.prefixes:
            rest = header.strip().lstrip("*")[len(prefix) :]
            if key.startswith(prefix) and rest:
                return prefix + rest
        return None

    @property
    def listed(self) -> str:
        return ", ".join((*self.names, *(f"{prefix}…" for prefix in self.prefixes)))


@dataclass(frozen=True, slots=True)
class Command:
    """What a command says of columns. `maps` are (field, column), `sets` (field, value or template), `ignored` columns,
    `words` (field, word, value: "" for none)."""

    maps: Sequence[tuple[str, str]] = ()
    sets: Sequence[tuple[str, str]] = ()
    ignored: Sequence[str] = ()
    words: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True, slots=True)
class _Template:
    """A text with placeholders; `parts` are texts and positions of columns. Empty when one of its cells is."""

    parts: tuple[str | int, ...]

    def fill(self, cells: Sequence[str]) -> str:
        filled = []
        for part in self.parts:
            text = part if isinstance(part, str) else cell_text(cells[part])
            if isinstance(part, int) and text in EMPTY:
                return ""
            filled.append(text)
        return "".join(filled)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the value of each mapped field comes from. `by_own_name` are the fields, with their columns, that no option names;
    `words` has for some fields what a word in the file stands for, None for no value."""

    columns: Mapping[str, int]
    templates: Mapping[str, _Template]
    by_own_name: tuple[tuple[str, str], ...] = ()
    words: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

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
        found = {name: cell_text(cells[position]) for name, position in self.columns.items()}
        for name, template in self.templates.items():
            found[name] = template.fill(cells)
        for name, meanings in self.words.items():
            word = _word_key(found.get(name, ""))
            if word in meanings:
                found[name] = meanings[word] or ""
        return {name: value for name, value in found.items() if value not in EMPTY}


def header_key(header: str) -> str:
    """Return a header as it is compared: without case, Xero's asterisk and what is invisible; blanks, hyphens and underscores
    are one."""
    plain = "".join(letter for letter in unicodedata.normalize("NFC", header) if unicodedata.category(letter) != "Cf")
    return _BETWEEN_WORDS.sub("_", plain.strip().strip("*").strip().casefold())


def cell_text(cell: str) -> str:
    """Return the text of a cell: trimmed, "" when nothing of it is visible, without the apostrophe of a spreadsheet."""
    text = cell.strip()
    if text.startswith("'") and text[1:].startswith(_FORMULA):
        text = text[1:]
    return text if text.isascii() or not is_blank(text) else ""


def compile_sources(fields: Fields, columns: Sequence[str], command: Command) -> Sources:
    """Combine the command's mapping with the file's columns; a column with a field's name is that field.

    A column that the command maps feeds no other field by its own name, and a fixed value wins over a column. Raises
    MappingFault with every fault at once.
    """
    header = _Header(columns, [])
    maps, sets = dict(command.maps), dict(command.sets)
    faults = _duplicates([name for name, _ in command.maps]) + _duplicates([name for name, _ in command.sets])
    named = [*(name for name, _ in (*command.maps, *command.sets)), *(name for name, _, _ in command.words)]
    faults += [f"there is no field {name}; there are {fields.listed}" for name in named if not fields.has(name)]
    found = {name: header.position(column) for name, column in maps.items() if name not in sets}
    ignored = {place for column in command.ignored for place in header.positions(column)}
    templates = {name: _template(text, header) for name, text in sets.items()}
    taken = {*found.values(), *(header.position(maps[name]) for name in maps if name in sets)}
    own = _own_names(fields, header, free=lambda position: position not in taken | ignored, but={*found, *sets})
    faults += header.faults
    faults += [f"the column {columns[place]} is mapped and ignored" for place in sorted(ignored & taken - {-1})]
    missing = [" or ".join(group) for group in fields.needed if not {*found, *own, *sets}.intersection(group)]
    if missing:
        faults.append(
            f"nothing says where {', '.join(missing)} come{'s' if len(missing) == 1 else ''} from (--map field=Column)"
        )
    if any("column" in fault or "Column" in fault for fault in faults):
        faults.append(f"the file has the columns {_listed(columns)}")
    if faults:
        raise MappingFault("; ".join(dict.fromkeys(faults)), lacks_columns=bool(missing or header.faults))
    return Sources(
        found | own, templates, tuple((name, columns[place]) for name, place in own.items()), _meanings(command.words)
    )


@dataclass(frozen=True, slots=True)
class _Header:
    """The columns of a file; `faults` collects what is asked for and is not there, or there twice."""

    columns: Sequence[str]
    faults: list[str]

    def position(self, column: str) -> int:
        """Return where a column is: one of exactly this name, else of one that is equal as headers are compared; -1 for none."""
        places = self.positions(column)
        if len(places) > 1:
            self.faults.append(f"the file has more than one column {column}")
        return places[0] if len(places) == 1 else -1

    def positions(self, column: str) -> list[int]:
        """Return where all columns of this name are."""
        exact = [place for place, name in enumerate(self.columns) if name == column]
        places = exact or [
            place for place, name in enumerate(self.columns) if name and header_key(name) == header_key(column)
        ]
        if not places:
            self.faults.append(f"the file has no column {column}")
        return places


def _own_names(fields: Fields, header: _Header, *, free: Callable[[int], bool], but: set[str]) -> dict[str, int]:
    """Columns that are fields by their own names. Two of one field are a fault: which one counts would be a guess."""
    own: dict[str, int] = {}
    for position, column in enumerate(header.columns):
        name = fields.find(column) if column and free(position) else None
        if name is None or name in but:
            continue
        if name in own:
            header.faults.append(
                f"the file has more than one column {name}; map one of them or leave one out (--ignore)"
            )
        own.setdefault(name, position)
    return own


def _template(text: str, header: _Header) -> _Template:
    parts: list[str | int] = []
    for place, part in enumerate(_PLACE.split(text)):
        if place % 2 == 0:
            parts += [part] if part else []
        else:
            parts.append(header.position(part))
    return _Template(tuple(parts))


def _meanings(words: Sequence[tuple[str, str, str]]) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for name, word, value in words:
        found.setdefault(name, {})[_word_key(word)] = value or None
    return found


def _word_key(word: str) -> str:
    return " ".join(word.split()).casefold()


def _duplicates(names: Sequence[str]) -> list[str]:
    return [f"the field {name} is given twice" for name in dict.fromkeys(names) if names.count(name) > 1]


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:30])
    return shown if len(columns) <= 30 else f"{shown} and {len(columns) - 30} more"
