"""What a template is given, field by field: names, types and the example's values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

_MOST_CHARACTERS = 80
_MOST_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a page, or of a value in it (`path` is `months[0].rows`); its value, shortened, and for several values how many."""

    path: str
    type: str
    value: str


def fields_of(value: object) -> list[str]:
    """Return the names of the fields that a template may read of a dataclass or a named tuple; none of any other value."""
    if is_dataclass(value) and not isinstance(value, type):
        return [each.name for each in fields(value)]
    return list(getattr(type(value), "_fields", ()))


def describe(value: object, path: str = "", depth: int = 0) -> Iterator[Field]:
    """Yield the fields of a value, each followed by those of the values in it: of several the first stands for all."""
    annotations = getattr(type(value), "__annotations__", {})
    for name in fields_of(value):
        inside = getattr(value, name)
        place = f"{path}.{name}" if path else name
        yield Field(place, str(annotations.get(name, type(inside).__name__)), _shown(inside))
        if depth + 1 < _MOST_DEPTH:
            first, mark = _first(inside)
            if fields_of(first):
                yield from describe(first, f"{place}{mark}", depth + 1)


def _first(value: object) -> tuple[object, str]:
    if isinstance(value, (tuple, list)) and not fields_of(value):
        return (value[0], "[0]") if value else (None, "")
    if isinstance(value, Mapping):
        key = next(iter(value), None)
        return (value[key], f"[{key!r}]") if key is not None else (None, "")
    return value, ""


def _shown(value: object) -> str:
    if fields_of(value):
        return ""
    if isinstance(value, (tuple, list, Mapping)) and any(
        map(fields_of, value.values() if isinstance(value, Mapping) else value)
    ):
        return f"{len(value)} of them"
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
