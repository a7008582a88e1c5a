"""Design tokens of the W3C community group (DTCG 2025.10), flattened: groups joined by dots, types inherited, aliases followed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.theming.colour import from_components

_ALIAS = re.compile(r"\{([^{}]+)\}")
_MOST_ALIASES, _MOST_DEPTH = 20, 20
_WEIGHTS = {
    "thin": 100, "hairline": 100, "extra-light": 200, "ultra-light": 200, "light": 300, "normal": 400, "regular": 400, "book": 400,
    "medium": 500, "semi-bold": 600, "demi-bold": 600, "bold": 700, "extra-bold": 800, "ultra-bold": 800, "black": 900, "heavy": 900,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DesignToken:
    """A token with its type and its value as CSS writes it: a colour as hex, a dimension as `8px`, families as one list."""

    type: str
    value: str | float


def flatten(document: Mapping[str, Any]) -> tuple[dict[str, DesignToken], list[str]]:
    """Return the tokens by path (`color.brand.primary`), and a sentence for each that cannot be read."""
    raw = dict(_walk(document, (), None, 0))
    tokens: dict[str, DesignToken] = {}
    faults = []
    for path in raw:
        try:
            kind, value = _resolve(path, raw)
            text = _written(kind, value)
        except ValueError as fault:
            faults.append(f"{path}: {fault}")
            continue
        if text is not None:
            tokens[path] = DesignToken(kind, text)
    return tokens, faults


def _walk(
    group: Mapping[str, Any], path: tuple[str, ...], inherited: str | None, depth: int
) -> Iterator[tuple[str, tuple[str | None, Any]]]:
    kind = group.get("$type", inherited)
    if "$value" in group:
        yield ".".join(path), (kind if isinstance(kind, str) else None, group["$value"])
        return
    for name, inside in group.items():
        if isinstance(inside, dict) and not name.startswith("$") and depth < _MOST_DEPTH:
            yield from _walk(inside, (*path, name), kind if isinstance(kind, str) else None, depth + 1)


def _resolve(path: str, raw: Mapping[str, tuple[str | None, Any]]) -> tuple[str, Any]:
    """The type and the value of a token, its aliases followed."""
    kind, value = raw[path]
    for _ in range(_MOST_ALIASES):
        match = _ALIAS.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return kind or "", value
        if match[1] not in raw:
            raise ValueError(f"there is no token {match[1]}")
        aliased, value = raw[match[1]]
        kind = kind or aliased
    raise ValueError("its aliases lead in a circle")


def _written(kind: str, value: Any) -> str | float | None:
    """The value as CSS; None for types that no theme has."""
    if kind == "color":
        return _colour(value)
    if kind == "dimension":
        return f"{value.get('value')}{value.get('unit', '')}" if isinstance(value, dict) else str(value)
    if kind == "fontFamily":
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if kind == "fontWeight" and isinstance(value, str):
        return _WEIGHTS.get(value.lower(), value)
    if kind in ("fontWeight", "number"):
        return _number(value)
    return None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("is not a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is not a number") from None


def _colour(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise ValueError("is not a colour")
    if value.get("alpha", 1) != 1:
        raise ValueError("is see-through, so nothing can be said about its contrast")
    if isinstance(value.get("hex"), str):
        return str(value["hex"])
    return from_components(str(value.get("colorSpace")), value.get("components"))
