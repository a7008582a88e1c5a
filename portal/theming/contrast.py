"""Whether everything can be read in a theme: text at 4.5 to 1, the boundaries of controls at 3 to 1, in both modes, over art too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal.theming.colour import contrast
from portal.theming.gradients import Art
from portal.theming.tokens import Palette, TokenValues, palette

TEXT, BOUNDARY = 4.5, 3.0

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
)
# The tokens a merchant sets that decide about a meaning, the likeliest first: where a fault is reported.
SOURCES = {
    "text": ("color_text",), "muted": ("color_text_secondary",), "placeholder": ("color_text_placeholder",),
    "accent": ("color_primary",), "accent_strong": ("color_primary",), "accent_soft": ("color_primary", "color_background"),
    "on_accent": ("accessible_color_on_color_primary", "color_primary"), "good": ("color_success",), "caution": ("color_warning",),
    "bad": ("color_danger",), "bad_soft": ("color_danger", "color_background"), "caution_soft": ("color_warning", "color_background"),
    "line_strong": ("color_text", "color_background"), "surface": ("color_background",), "surface_inset": ("offset_background_color",),
    "surface_raised": ("offset_background_color", "color_background"), "rail_current": ("rail_fill",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One pair that is too close. `tokens` are the theme's tokens that decide about it, the likeliest first."""

    mode: str
    tokens: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class _Zone:
    """Where text stands on a box of art, in pixels: the box as pages show it, and the text's part of it."""

    art: str
    text: str
    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int


def find_unreadable(values: TokenValues, display_name: str) -> Iterator[Unreadable]:
    """Every pair below its limit, in light and in dark."""
    for mode in ("light", "dark"):
        colours = palette(values, mode)
        yield from _unreadable_pairs(colours, mode)
        yield from _unreadable_over_art(colours, mode, display_name)


def _unreadable_pairs(worn: Palette, mode: str) -> Iterator[Unreadable]:
    for name, grounds, least in _PAIRS:
        for ground in grounds:
            ratio = contrast(worn.colours[name], worn.colours[ground])
            if ratio < least:
                tokens = SOURCES.get(name, (name,)) + SOURCES.get(ground, (ground,))
                yield Unreadable(
                    mode,
                    tokens,
                    f"{_words(name)} on {_words(ground)} has a contrast of {ratio:.2f}, and {least} is the least",
                )


def _unreadable_over_art(worn: Palette, mode: str, display_name: str) -> Iterator[Unreadable]:
    for zone in _zones(display_name):
        fill = worn.colours["rail_fill" if zone.art == "rail_art" else "surface"]
        art, text = worn.art[zone.art], worn.colours[zone.text]
        picture = art.on(zone.width, zone.height, fill)
        ratio = min(contrast(text, picture.colour_at(x, y)) for x, y in _points(zone, art))
        if ratio < TEXT:
            yield Unreadable(
                mode, (zone.art, zone.art.removesuffix("_small"), zone.text),
                f"{_words(zone.text)} over {zone.art}, at {zone.width} by {zone.height} pixels, has a contrast of {ratio:.2f}, and {TEXT} is the least",
            )  # fmt: skip


def _zones(display_name: str) -> Iterator[_Zone]:
    """Mark and name stand at the start of the door's head; on a wide one a sentence stands below them; the rail is text all over."""
    name = 64 + 11 * len(display_name)
    for width in (320, 375, 544, 768):
        yield _Zone("art_small", "art_text", width, 112, 16, 16, min(name, width - 16), 52)
    for width, height in ((358, 720), (512, 800), (576, 900), (768, 1080)):
        yield _Zone("art", "art_text", width, height, 32, 40, min(370, width - 32), height * 2 // 5)
    yield _Zone("rail_art", "rail_muted", 248, 800, 24, 32, 224, 440)
    yield _Zone("rail_art", "rail_muted", 248, 800, 24, 730, 160, 776)


def _points(zone: _Zone, art: Art) -> Iterator[tuple[float, float]]:
    """A grid over the text; one point is enough where there is nothing drawn. Lines of a pixel or two are not looked for."""
    if not art.layers:
        yield zone.left, zone.top
        return
    across, down = max(1, (zone.right - zone.left) // 7), max(1, (zone.bottom - zone.top) // 7)
    for x in range(zone.left, zone.right + 1, across):
        for y in range(zone.top, zone.bottom + 1, down):
            yield x, y


def _words(name: str) -> str:
    return name.replace("_", "-")
