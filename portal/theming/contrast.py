"""Whether everything can be read in a theme: text at 4.5 to 1, the boundaries of controls at 3 to 1, in both modes.

Each pair is of two plain colours: no text stands on art (`static/css`; tests/unit/theming/test_art_placement.py holds it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from portal.theming.colour import contrast, nearest_where
from portal.theming.faults import Fault
from portal.theming.files import ThemeFile
from portal.theming.tokens import BOUNDARY, COMPONENT_TOKENS, LINK, TEXT, TokenValues, merge_values, palette

# What stands on what, as the pages use it (design, section 4).
_PAIRS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    (
        "text",
        ("surface", "surface_inset", "surface_raised", "accent_soft", "bad_soft", "caution_soft", "due_fill"),
        TEXT,
    ),
    ("muted", ("surface", "surface_inset", "surface_raised", "accent_soft", "due_fill"), TEXT),
    ("placeholder", ("surface_raised",), TEXT),
    ("link", ("surface", "surface_inset", "surface_raised", "accent_soft", "due_fill"), TEXT),
    ("on_accent", ("accent", "accent_strong"), TEXT),
    ("good", ("surface", "surface_inset", "due_fill"), TEXT),
    ("caution", ("surface", "surface_inset", "caution_soft", "due_fill"), TEXT),
    ("bad", ("surface", "surface_inset", "surface_raised", "bad_soft", "due_fill"), TEXT),
    ("line_strong", ("surface", "surface_inset", "surface_raised"), BOUNDARY),
    ("rail_text", ("rail_fill", "rail_current"), TEXT),
    ("rail_muted", ("rail_fill",), TEXT),
    ("rail_mark", ("rail_fill",), BOUNDARY),
    ("art_text", ("art_fill",), TEXT),
)
# The tokens that decide about a meaning, the likeliest first: where a fault is reported.
_SOURCES = {
    "text": ("color_text",), "muted": ("color_text_secondary",), "placeholder": ("color_text_placeholder",),
    "link": (LINK, "color_primary"), "accent": ("color_primary",), "accent_strong": ("color_primary",), "accent_soft": ("color_primary", "color_background"),
    "on_accent": ("accessible_color_on_color_primary", "color_primary"), "good": ("color_success",), "caution": ("color_warning",),
    "bad": ("color_danger",), "bad_soft": ("color_danger", "color_background"), "caution_soft": ("color_warning", "color_background"),
    "line_strong": ("color_text", "color_background"), "surface": ("color_background",), "surface_inset": ("offset_background_color",),
    "surface_raised": ("offset_background_color", "color_background"), "rail_text": ("rail_text", "color_text"),
    "rail_muted": ("rail_muted", "color_text_secondary"), "rail_mark": ("rail_mark", LINK, "color_primary"),
    "rail_fill": ("rail_fill", "offset_background_color"), "rail_current": ("rail_fill", "offset_background_color"),
    "due_fill": ("due_fill", "color_background"),
    "art_text": ("art_text", "color_text"), "art_fill": ("art_fill", "color_primary", "color_background"),
}  # fmt: skip


# What a merchant calls the meanings that are no token.
_WORDS = {
    "text": "text", "muted": "secondary text", "placeholder": "placeholders", "link": "links", "on_accent": "text of buttons",
    "good": "success", "caution": "warnings", "bad": "errors", "line_strong": "borders of fields", "surface": "the page",
    "surface_inset": "insets", "surface_raised": "panels", "accent_soft": "tinted grounds", "accent_strong": "pressed buttons",
    "bad_soft": "the ground of errors", "caution_soft": "the ground of warnings", "rail_current": "the current entry of the navigation",
}  # fmt: skip


class _Pair(NamedTuple):
    """Two meanings of which the first stands on the second, in one mode."""

    mode: str
    name: str
    ground: str


class Cause(NamedTuple):
    """A colour with which something cannot be read: its table and token, what it is, the pairs, and the nearest colour that passes."""

    table: str
    token: str
    used: str
    pairs: tuple[_Pair, ...]
    nearest: str | None


def find_unreadable(theme: ThemeFile, chain: Sequence[TokenValues]) -> Iterator[Fault]:
    """What cannot be read in light and in dark, one fault for each colour that causes it, at its line, with the nearest colour that passes.

    `chain` is the values of the theme's parents, the base's first, and at its end the theme's own.
    """
    ratios = _failing(merge_values(chain))
    for table, token, used, pairs, passing in find_causes(theme.values, chain):
        way_out = (
            f'the nearest colour that passes is {passing}: write {token} = "{passing}" under [{table}]'
            if passing
            else "no lightness of this hue passes: another colour that it meets has to change too"
        )
        sentence = f"{token} ({used}) cannot be read well: {_listed(pairs, ratios)}; {way_out}"
        line = theme.line(f"{table}.{token}", table, "tokens")
        yield Fault(theme.slug, theme.path, line, sentence, "contrast", passing or "")


def find_causes(own: TokenValues, chain: Sequence[TokenValues]) -> Iterator[Cause]:
    """The colours of a theme with which something cannot be read; `own` is what the theme itself sets, the end of `chain`."""
    values = merge_values(chain)
    failing = _failing(values)
    caused: dict[tuple[str, str], list[_Pair]] = {}
    for pair in failing:
        caused.setdefault(_cause(own, pair), []).append(pair)
    for (table, token), pairs in caused.items():
        set_there = (values.dark if table == "tokens.dark" else values.light).get(token)
        used = set_there or palette(values, pairs[0].mode)[token]
        yield Cause(table, token, used, tuple(pairs), _nearest(chain, table, token, used, pairs, failing))


def _failing(values: TokenValues) -> dict[_Pair, float]:
    """Every pair below its limit, with its contrast."""
    found = {}
    for mode in ("light", "dark"):
        colours = palette(values, mode)
        for name, grounds, least in _PAIRS:
            for ground in grounds:
                ratio = contrast(colours[name], colours[ground])
                if ratio < least:
                    found[_Pair(mode, name, ground)] = ratio
    return found


def _cause(own: TokenValues, pair: _Pair) -> tuple[str, str]:
    """The table and token that the theme sets and that decides about a pair; the likeliest of all where it sets none."""
    sources = _SOURCES[pair.name] + _SOURCES[pair.ground]
    tokens = sorted(
        sources, key=lambda token: token not in COMPONENT_TOKENS
    )  # A part's own colour before what it would follow from.
    tables = ("tokens.dark", "tokens") if pair.mode == "dark" else ("tokens",)
    known = {"tokens": own.light, "tokens.dark": own.dark}
    set_here = ((table, token) for table in tables for token in tokens if token in known[table])
    return next(set_here, (tables[0], tokens[0]))


def _nearest(
    chain: Sequence[TokenValues], table: str, token: str, used: str, pairs: list[_Pair], failing: Mapping[_Pair, float]
) -> str | None:
    """The nearest value of a token with which its pairs pass, and no other pair fails that did not before."""
    own = chain[-1]

    def passes(candidate: str) -> bool:
        light, dark = dict(own.light), dict(own.dark)
        (dark if table == "tokens.dark" else light)[token] = candidate
        left = _failing(merge_values([*chain[:-1], TokenValues(light, dark)]))
        return not left.keys() & set(pairs) and left.keys() <= failing.keys()

    return nearest_where(used, passes)


def _listed(pairs: Iterable[_Pair], ratios: Mapping[_Pair, float]) -> str:
    """The pairs by mode and limit: "in light links on the page 2.30, on insets 2.12 (4.5 is the least)"."""
    limits = {name: least for name, _, least in _PAIRS}
    parts = []
    for (mode, least), group in groupby(
        sorted(pairs, key=lambda pair: (pair.mode != "light", -limits[pair.name])),
        key=lambda pair: (pair.mode, limits[pair.name]),
    ):
        words = [f"{_word(pair.name)} on {_ground_word(pair)} {ratios[pair]:.2f}" for pair in group]
        parts.append(f"in {mode} {', '.join(words)} ({least:g} is the least)")
    return ", ".join(parts)


def _word(name: str) -> str:
    return _WORDS.get(name, name)


def _ground_word(pair: _Pair) -> str:
    return "buttons" if pair.ground == "accent" else _word(pair.ground)
