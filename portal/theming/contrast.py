"""Whether everything can be read in a theme: text at 4.5 to 1, the boundaries of controls at 3 to 1, in both modes.

Each pair is of two plain colours: no text stands on art (`static/css`; tests/unit/theming/test_art_placement.py holds it).
"""

from __future__ import annotations

from collections.abc import Iterator

from portal.theming.colour import contrast
from portal.theming.faults import Fault
from portal.theming.files import ThemeFile
from portal.theming.tokens import BOUNDARY, TEXT, TokenValues, palette

# What stands on what, as the pages use it (design, section 4).
_PAIRS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    (
        "text",
        ("surface", "surface_inset", "surface_raised", "accent_soft", "bad_soft", "caution_soft", "due_fill"),
        TEXT,
    ),
    ("muted", ("surface", "surface_inset", "surface_raised", "accent_soft", "due_fill"), TEXT),
    ("placeholder", ("surface_raised",), TEXT),
    ("accent", ("surface", "surface_inset", "surface_raised", "accent_soft", "due_fill"), TEXT),
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
# The tokens a merchant sets that decide about a meaning, the likeliest first: where a fault is reported.
_SOURCES = {
    "text": ("color_text",), "muted": ("color_text_secondary",), "placeholder": ("color_text_placeholder",),
    "accent": ("color_primary",), "accent_strong": ("color_primary",), "accent_soft": ("color_primary", "color_background"),
    "on_accent": ("accessible_color_on_color_primary", "color_primary"), "good": ("color_success",), "caution": ("color_warning",),
    "bad": ("color_danger",), "bad_soft": ("color_danger", "color_background"), "caution_soft": ("color_warning", "color_background"),
    "line_strong": ("color_text", "color_background"), "surface": ("color_background",), "surface_inset": ("offset_background_color",),
    "surface_raised": ("offset_background_color", "color_background"), "rail_current": ("rail_fill",),
    "art_text": ("art_text", "color_text"), "art_fill": ("art_fill", "color_primary", "color_background"),
}  # fmt: skip


def find_unreadable(theme: ThemeFile, values: TokenValues) -> Iterator[Fault]:
    """Every pair below its limit, in light and in dark, at the line of the theme that sets it. `values` are complete."""
    for mode in ("light", "dark"):
        colours = palette(values, mode)
        for name, grounds, least in _PAIRS:
            for ground in grounds:
                ratio = contrast(colours[name], colours[ground])
                if ratio < least:
                    what = (
                        f"{_in_css(name)} on {_in_css(ground)} has a contrast of {ratio:.2f}, and {least} is the least"
                    )
                    yield Fault(
                        theme.slug, theme.path, _line(theme, mode=mode, name=name, ground=ground), f"{what} ({mode})"
                    )


def _line(theme: ThemeFile, *, mode: str, name: str, ground: str) -> int:
    tokens = _SOURCES.get(name, (name,)) + _SOURCES.get(ground, (ground,))
    tables = ("tokens.dark", "tokens") if mode == "dark" else ("tokens",)
    return theme.line(*(f"{table}.{token}" for table in tables for token in tokens), *tables)


def _in_css(name: str) -> str:
    return name.replace("_", "-")
