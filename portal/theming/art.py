"""Art drawn in CSS, read by an allow-list. No text stands on it (`static/css`), so nothing is measured here.

What is accepted: layers of linear and radial gradients (repeating or not) with a repeat, a position and a size, and a plain colour
below them. No address, no variable, no other function can be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import tinycss2

from portal.theming.colour import clean_colour, is_colour

_MOST_CHARACTERS, _MOST_BRACKETS = 2000, 4
_WORD = re.compile("[a-z-]+")
_GRADIENTS = {"linear-gradient", "radial-gradient", "repeating-linear-gradient", "repeating-radial-gradient"}

# The grammar is written over kinds, as in the CSS specifications: "circle at 10% 5px" is `circle at <length> <length>`.
_SIDE = "(left|right|top|bottom)"
_PLACE = "(left|right|top|bottom|center|<length>)"
_SIZE = "(circle|ellipse|closest-side|farthest-side|closest-corner|farthest-corner|<length>)"
_REPEAT = "(repeat|repeat-x|repeat-y|no-repeat)"
_TERM = "<length>( [*/] <number>)*"
_COLOUR_STOP = re.compile("<colour>( <length>){0,2}")
_LINEAR = re.compile(f"<angle>|to {_SIDE}( {_SIDE})?")
_RADIAL = re.compile(f"{_SIZE}( {_SIZE}){{0,2}}( at {_PLACE}( {_PLACE})?)?|at {_PLACE}( {_PLACE})?")
_REPEAT_POSITION_SIZE = re.compile(f"( {_REPEAT})?( {_PLACE}( {_PLACE})?( / <length>( <length>)?)?)?( {_REPEAT})?")
_SUM = re.compile(f"{_TERM}( [+-] {_TERM})*")


def clean_art(text: str) -> str:
    """A background value in one line. Raises ValueError with a sentence that says what is not accepted."""
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"is longer than {_MOST_CHARACTERS} characters")
    text = " ".join(text.lower().split())
    depths = list(accumulate((character in "([{") - (character in ")]}") for character in text))
    if (
        not depths or depths[-1] != 0 or max(depths) > _MOST_BRACKETS
    ):  # The parser closes at the end what is still open.
        raise ValueError("is empty, or has brackets that are not closed or stand too deep")
    if text == "none":
        return text
    nodes = tinycss2.parse_component_value_list(text)
    layers = _split(nodes)
    if len(layers[-1]) == 1 and is_colour(layers[-1][0]):
        _kinds(layers.pop())
    for layer in layers:
        _check_layer(layer)
    return str(tinycss2.serialize(nodes))


def _check_layer(layer: list[Any]) -> None:
    drawn = layer[0] if layer else None
    if drawn is None or drawn.type != "function" or drawn.lower_name not in _GRADIENTS:
        raise ValueError(f"has “{_serialized(layer)}” where a gradient belongs, or, below all of them, a plain colour")
    _check_gradient(drawn)
    if not _REPEAT_POSITION_SIZE.fullmatch("".join(f" {_kind(node)}" for node in layer[1:])):
        raise ValueError(f"has “{_serialized(layer[1:])}” where a repeat, a position and a size belong")


def _check_gradient(drawn: Any) -> None:
    parts = _split(drawn.arguments)
    line = _RADIAL if "radial" in drawn.lower_name else _LINEAR
    stops = parts[1:] if line.fullmatch(_kinds(parts[0])) else parts
    for stop in stops:
        if not _COLOUR_STOP.fullmatch(_kinds(stop)):
            raise ValueError(f"has “{_serialized(stop)}” where a colour and its places belong")
    if len(stops) < 2:
        raise ValueError("has a gradient of fewer than two stops")


def _split(nodes: Iterable[Any]) -> list[list[Any]]:
    """The parts between commas, without the spaces."""
    parts: list[list[Any]] = [[]]
    for node in nodes:
        if node == ",":
            parts.append([])
        elif node.type != "whitespace":
            parts[-1].append(node)
    return parts


def _kinds(nodes: Iterable[Any]) -> str:
    return " ".join(_kind(node) for node in nodes)


def _kind(node: Any) -> str:
    if is_colour(node):
        try:
            clean_colour(node.serialize())
        except ValueError:
            raise ValueError(f"has “{node.serialize()}” where a colour belongs") from None
        return "<colour>"
    match node.type:
        case "percentage":
            return "<length>"
        case "dimension" if node.lower_unit in ("px", "rem", "em"):
            return "<length>"
        case "dimension" if node.lower_unit in ("deg", "turn"):
            return "<angle>"
        case "number":
            return "<number>" if node.value else "<length>"
        case "function" if node.lower_name == "calc":
            return _calculated(node)
        case "ident" if _WORD.fullmatch(node.value):
            return str(node.value)
        case "literal":
            return str(node.value)
    raise ValueError(f"has something that is not accepted in art at “{node.serialize()[:12]}”")


def _calculated(node: Any) -> str:
    inside = _kinds(part for part in node.arguments if part.type != "whitespace")
    if any(part.type == "number" and not part.value for part in node.arguments) or not _SUM.fullmatch(inside):
        raise ValueError(f"has “{node.serialize()}” where a length belongs")
    return "<length>"


def _serialized(nodes: Iterable[Any]) -> str:
    return " ".join(node.serialize() for node in nodes)
