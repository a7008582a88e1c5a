"""Colours as CSS text: read by an allow-list, mixed as browsers mix them, measured as WCAG measures them. Knows no token and no theme.

Between these functions a colour is `#rrggbb`, or `#rrggbbaa` when it is not opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import tinycss2

if TYPE_CHECKING:
    from coloraide import Color

WHITE, BLACK = "#ffffff", "#000000"
_MOST_CHARACTERS = 80
_FUNCTIONS = {"rgb", "rgba", "hsl", "hsla", "oklch"}
_GREY = 0.002
_MOST = 1000
"""More than any component of a colour; what is no number at all is not less."""
_NAMES = {"white", "black", "transparent"}
_COARSE = 10
_STEPS = 400  # Of the lightness of OKLCH, from black to white: finer than a screen of 8 bits shows in most hues.


def clean_colour(text: str) -> str:
    """Return a CSS colour as hex. Raises ValueError with a sentence for all but hex, `rgb()`, `hsl()`, `oklch()`, white, black, transparent."""
    # A longer text is not even parsed: brackets within brackets could exhaust the parser.
    node = tinycss2.parse_one_component_value(text) if len(text) <= _MOST_CHARACTERS else None
    if node is not None and is_colour(node):
        try:
            return _hex(_color(text.strip()))
        except ValueError:
            pass
    raise ValueError("is not a colour such as #0a6b3d, rgb(10 107 61) or oklch(45% 0.1 155)")


def is_colour(node: Any) -> bool:
    """Whether a component value is written as a colour of the allow-list. What stands inside of a function is not read."""
    return (
        node.type == "hash"
        or (node.type == "ident" and node.lower_value in _NAMES)
        or (node.type == "function" and node.lower_name in _FUNCTIONS)
    )


@lru_cache(maxsize=4096)
def contrast(one: str, other: str) -> float:
    """The contrast ratio of two opaque colours (WCAG 2.2), from 1 to 21."""
    return _color(one).contrast(_color(other), method="wcag21")


@lru_cache(maxsize=4096)
def mix(share: float, one: str, other: str) -> str:
    """`color-mix(in oklab, one share, other)` of two opaque colours, clipped to sRGB."""
    return _hex(_color(other).mix(_color(one), share, space="oklab", out_space="srgb"))


def lifted(colour: str, background: str, ratio: float) -> str:
    """The same hue, lighter and calmer until it has the contrast on a dark background: a light brand colour's dark twin."""
    twin = _color(colour).convert("oklch", norm=False)
    twin["chroma"] = min(twin["chroma"], 0.12)
    twin["lightness"] = max(twin["lightness"], 0.7)
    while twin["lightness"] < 1:
        if contrast(_hex(twin), background) >= ratio:
            return _hex(twin)
        twin["lightness"] += 0.01
    return WHITE


def nearest_passing(colour: str, grounds: Sequence[str], least: float) -> str | None:
    """The colour of the same hue, with the least change of lightness in OKLCH, that has the contrast `least` with each of the grounds.

    All colours are opaque. The colour itself where it passes; None where no lightness does, as between a dark ground and a light one.
    """
    return nearest_where(colour, lambda candidate: all(contrast(candidate, ground) >= least for ground in grounds))


def nearest_where(colour: str, passes: Callable[[str], bool]) -> str | None:
    """The colour of the same hue, with the least change of lightness in OKLCH, that passes; None where none does.

    Chroma is only lowered, and only as far as sRGB makes it necessary. Of two that are equally near, the darker is taken.
    """
    if passes(colour):
        return colour
    # What passes is all that is dark enough, all that is light enough, or between: a coarse search finds where, a fine one the edge.
    coarse = _first_passing(colour, range(_COARSE, _STEPS + 1, _COARSE), passes)
    if coarse is None:
        found = _first_passing(colour, range(1, _STEPS + 1), passes)
    else:
        found = _first_passing(colour, range(coarse[0] - _COARSE + 1, coarse[0] + 1), passes)
    return found[1] if found else None


def _first_passing(colour: str, steps: Iterable[int], passes: Callable[[str], bool]) -> tuple[int, str] | None:
    """The first of these steps of lightness, down or up, that passes, and its colour."""
    start = _color(colour).convert("oklch")["lightness"]
    for step in steps:
        for lightness in (start - step / _STEPS, start + step / _STEPS):
            if -_COARSE / _STEPS < lightness < 1 + _COARSE / _STEPS:
                candidate = _with_lightness(colour, lightness)
                if passes(candidate):
                    return step, candidate
    return None


def oklch(colour: str) -> tuple[float, float, float]:
    """Lightness (0 to 1), chroma and hue (degrees) of an opaque colour in OKLCH. A grey has the chroma and the hue 0."""
    converted = _color(colour).convert("oklch", norm=False)
    chroma = float(converted["chroma"])
    return (
        (float(converted["lightness"]), chroma, float(converted["hue"]))
        if chroma > _GREY
        else (float(converted["lightness"]), 0.0, 0.0)
    )


def from_components(space: str, components: object) -> str:
    """A colour of a space of CSS Color 4 as hex, the nearest that sRGB has; HSL and HWB in degrees and hundredths, as design tokens have
    them. Raises ValueError."""
    if not isinstance(components, list) or len(components) != 3:
        raise ValueError("has not three components")
    parts = [0.0 if part == "none" else part for part in components]
    if not all(isinstance(part, (int, float)) and not isinstance(part, bool) and abs(part) <= _MOST for part in parts):
        raise ValueError("has a component that is not a number of any colour")
    if space in ("hsl", "hwb"):
        parts = [parts[0], parts[1] / 100, parts[2] / 100]
    from coloraide import Color

    try:
        return _hex(Color(space, parts).convert("srgb").fit("srgb", method="oklch-chroma"))
    except ValueError:
        raise ValueError(f"is of the colour space {space}, which is not known") from None


def shade(lightness: float, chroma: float, hue: float) -> str:
    """A colour of OKLCH, with less chroma where sRGB has none so strong."""
    inside = min(max(lightness, 0.0), 1.0)
    return _hex(_color(f"oklch({inside} {chroma} {hue})").fit("srgb", method="oklch-chroma"))


def readable_on(colour: str) -> str:
    """White, the colour's own near-black, or black: the first that reads well on it. One of them always has 4.5 to 1."""
    ink = mix(0.12, colour, "#0a0a0d")
    best = max((WHITE, ink), key=lambda candidate: contrast(candidate, colour))
    return best if contrast(best, colour) >= 4.5 else BLACK


def _color(text: str) -> Color:
    from coloraide import (
        Color,
    )  # Its import costs more than all that is done with it: only a process that reads themes pays.

    return Color(text)


@lru_cache(maxsize=4096)
def _with_lightness(colour: str, lightness: float) -> str:
    moved = _color(colour).convert("oklch")
    moved["lightness"] = min(max(lightness, 0), 1)
    return _hex(moved.fit("srgb", method="oklch-chroma"))


def _hex(colour: Color) -> str:
    return colour.convert("srgb").clip().to_string(hex=True, fit=False)
