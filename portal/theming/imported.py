"""Tokens of other tools, read as ours: a Stripe Appearance object, and design tokens of the W3C community group (DTCG 2025.10). Pure.

What has no place here, or a value that no theme may have, is left out and named; nothing is guessed between two readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.theming.design_tokens import DesignToken, flatten
from portal.theming.tokens import TOKENS, Kind, TokenValues, clean_value

_APPEARANCE_KEYS = {"theme", "variables", "rules", "labels", "inputs", "disableAnimations", "overlays"}
_NIGHT = "night"
# Names of Stripe's that are not those of our tokens; the token's own name goes before them.
_STRIPE_NAMES = {
    "colorSecondaryText": "color_text_secondary", "buttonPrimaryColorBackground": "color_primary",
    "buttonPrimaryColorText": "accessible_color_on_color_primary",
}  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Groups in which tools keep their tokens; they say nothing of what a token is for.
_GROUPS = frozenset(
    "color colors colour colours semantic sys system alias theme themes light mode modes default base value global token tokens core"
    " ui".split()
)
_USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "color_primary": ("primary", "brand", "brand primary", "accent"),
    "accessible_color_on_color_primary": ("on primary", "primary contrast", "primary foreground", "text on primary", "accessible on primary"),
    "action_primary_color_text": ("link", "text link", "action primary text"),
    "color_background": ("background", "surface", "background primary", "bg", "page"),
    "offset_background_color": (
        "offset background", "background secondary", "surface secondary", "background subtle", "surface subtle", "surface variant", "background muted",
    ),
    "color_text": ("text", "text primary", "foreground", "on background", "on surface"),
    "color_text_secondary": ("text secondary", "text muted", "text subtle", "muted foreground", "foreground muted", "on surface variant"),
    "color_text_placeholder": ("text placeholder", "placeholder"),
    "color_border": ("border", "outline", "divider"),
    "color_success": ("success", "positive", "feedback success", "status success"),
    "color_warning": ("warning", "caution", "feedback warning", "status warning"),
    "color_danger": ("danger", "error", "negative", "critical", "destructive", "feedback error", "status error"),
    "font_family": ("font family", "font family body", "font body", "font family sans"),
    "font_family_heading": ("font family heading", "font heading", "font family display"),
    "font_size_base": ("font size", "font size body", "font size md"),
    "font_line_height": ("font line height", "line height", "line height body"),
    "font_weight_normal": ("font weight normal", "font weight regular"),
    "font_weight_medium": ("font weight medium",),
    "font_weight_bold": ("font weight bold",),
    "spacing_unit": ("spacing unit", "space unit"),
    "border_radius": ("border radius", "radius", "corner radius", "border radius md", "radius md"),
    "button_border_radius": ("button border radius", "button radius", "radius button"),
}  # fmt: skip
_BY_WORDS = {words: (name, rank) for name, usual in _USUAL_NAMES.items() for rank, words in enumerate(usual)}


class NoTokens(ValueError):
    """A document that is neither of the two."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What another tool's file says of a theme: our values, whence each came (by table and token), and a sentence for each left out."""

    values: TokenValues
    sources: Mapping[tuple[str, str], str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def read_tokens(document: Any) -> Imported:
    """Read a parsed JSON document. Raises NoTokens where it is no Appearance object and has no design tokens."""
    if not isinstance(document, dict):
        raise NoTokens("is neither an Appearance object of Stripe nor a file of design tokens")
    if isinstance(document.get("variables"), dict) and set(document) <= _APPEARANCE_KEYS:
        return _read_appearance(document)
    tokens, faults = flatten(document)
    if not tokens and not faults:
        raise NoTokens("is neither an Appearance object of Stripe nor a file of design tokens")
    return _read_design_tokens(tokens, faults)


def _read_appearance(document: Mapping[str, Any]) -> Imported:
    table = "tokens.dark" if document.get("theme") == _NIGHT else "tokens"
    found = _Found()
    for name, value in document["variables"].items():
        own = "_".join(_CAMEL.split(str(name))).lower()
        token = own if own in TOKENS else _STRIPE_NAMES.get(str(name))
        if token is None:
            found.left_out.append(f"variables.{name}: no page has it")
        elif table == "tokens.dark" and TOKENS[token] is not Kind.COLOUR:
            found.take("tokens", token, value, f"variables.{name}", 0 if own in TOKENS else 1)
        else:
            found.take(table, token, value, f"variables.{name}", 0 if own in TOKENS else 1)
    for name in ("rules", "labels", "inputs"):
        if document.get(name):
            found.left_out.append(f"{name}: they are about Stripe's own fields")
    return found.whole()


def _read_design_tokens(tokens: Mapping[str, DesignToken], faults: list[str]) -> Imported:
    found = _Found(left_out=list(faults))
    unknown = 0
    for path, token in tokens.items():
        words = tuple(_words(path))
        name, rank = _BY_WORDS.get(" ".join(word for word in words if word != "dark"), ("", 0))
        if not name:
            unknown += 1
            continue
        is_dark = "dark" in words and TOKENS[name] is Kind.COLOUR
        found.take("tokens.dark" if is_dark else "tokens", name, token.value, path, rank)
    if unknown:
        found.left_out.append(f"{unknown} more that no page has, such as steps of a scale")
    return found.whole()


def _words(path: str) -> Iterator[str]:
    for part in path.split("."):
        for word in re.split(r"[\s_/-]+", " ".join(_CAMEL.split(part)).lower()):
            yield from (each for each in word.split() if each not in _GROUPS)


@dataclass(slots=True)
class _Found:
    """Values by table and token, each with the rank of the name that it came by (0 is the best), and with its source."""

    values: dict[tuple[str, str], tuple[int, str, str]] = field(default_factory=dict)
    unclear: set[tuple[str, str]] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    def take(self, table: str, token: str, value: Any, source: str, rank: int) -> None:
        try:
            text = clean_value(token, value)
        except ValueError as fault:
            self.left_out.append(f"{source}: {value!r} {fault}")
            return
        place = (table, token)
        known = self.values.get(place)
        if known is None or rank < known[0]:
            self.values[place] = (rank, text, source)
            self.unclear.discard(place)
        elif rank == known[0] and text != known[1]:
            self.unclear.add(place)
            self.left_out.append(f"{known[2]} and {source} both say {token}, and differ: neither was taken")

    def whole(self) -> Imported:
        kept = {place: found for place, found in self.values.items() if place not in self.unclear}
        light = {token: text for (table, token), (_, text, _) in kept.items() if table == "tokens"}
        dark = {token: text for (table, token), (_, text, _) in kept.items() if table == "tokens.dark"}
        return Imported(
            TokenValues(light, dark), {place: source for place, (_, _, source) in kept.items()}, tuple(self.left_out)
        )
