"""How merchants' papers look, from their themes. For composition roots: the domain gets it by `Session.info`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from portal.database import Database
from portal.documents.operations import BRANDS
from portal.documents.papers import PaperBrand
from portal.documents.rules import MAX_BRAND_NAME, breakable, clean, shortened
from portal.merchants.queries import MerchantProfile
from portal.theming.colour import contrast, mix

if TYPE_CHECKING:
    from portal.theming.themes import Theme, ThemeSet

_PAPER = "#ffffff"
_READABLE = 4.5
_BOLD_FROM = 550
_MAX_PICTURE_BYTES = 64 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"
_CLASS = ' class="brand-mark"'


class ThemeBrands:
    """The brands of one process; `themes` is called for each paper, and gives those that are there at the time."""

    def __init__(self, themes: Callable[[], ThemeSet]) -> None:
        self._themes = themes

    def brand_of(self, merchant: MerchantProfile) -> PaperBrand:
        """Return how the merchant's papers look now."""
        return paper_brand(self._themes().get(merchant.theme), merchant.name)


def paper_brand(theme: Theme, name: str) -> PaperBrand:
    """Return how papers look in a theme, on white paper: what would be hard to read there is darkened, or left out."""
    from portal.theming.tokens import (
        palette,
    )  # Not needed before the first paper, and every command imports this module.

    colours = palette(theme.values, "light")
    ink = _readable(colours["text"])
    accent = _readable(colours["accent"])
    # A rail that is dark is the brand's own band, with its mark's colour as a stripe; a light one leaves the accent.
    has_band = contrast(colours["rail_fill"], _PAPER) >= _READABLE
    bar = (colours["rail_fill"], colours["rail_mark"]) if has_band else (accent,)
    tint = colours["due_fill"] if colours["due_fill"] != colours["surface"] else colours["accent_soft"]
    tokens = theme.values.light
    weight = float(tokens.get("title_weight", tokens["font_weight_bold"]))
    mark, picture = _mark(theme, bar[0]), _picture(theme.logo_path) if theme.mark is None else ""
    return PaperBrand(
        name=breakable(shortened(clean(name), MAX_BRAND_NAME)),
        bar=bar[:1] if bar[0] == bar[-1] else bar,
        accent=accent,
        ink=ink,
        quiet=_readable(colours["muted"]),
        rule=colours["line"][:7] if len(colours["line"]) == len("#rrggbb") else mix(0.2, ink, _PAPER),
        tint=tint if contrast(ink, tint) >= _READABLE else "#f3f4f6",
        good=_readable(colours["good"]),
        is_serif=_is_serif(tokens.get("font_family_heading", tokens["font_family"])),
        is_bold=weight >= _BOLD_FROM,
        mark=mark,
        picture=picture,
        mark_shows_name=theme.brand.logo_shows_name and bool(mark or picture),
    )


def _readable(colour: str) -> str:
    """Return a colour of text as it is, or darkened until it can be read on paper."""
    share = 1.0
    while contrast(darker := mix(share, colour, "#000000"), _PAPER) < _READABLE:
        share -= 0.1
    return darker


def _is_serif(fonts: str) -> bool:
    names = {name.strip().strip('"') for name in fonts.split(",")}
    return bool(names & {"serif", "ui-serif"})


def _mark(theme: Theme, colour: str) -> str:
    """Return the mark in the bar's colour: `draw_mark` has rebuilt it from plain shapes."""
    if theme.mark is None:
        return ""
    drawn = str(theme.mark).replace(_CLASS, ' xmlns="http://www.w3.org/2000/svg"', 1)
    return drawn.replace("currentColor", colour)


@lru_cache(maxsize=64)
def _picture(path: Path | None) -> str:
    if path is None or path.suffix != ".png":
        return ""
    content = path.read_bytes()
    is_sound = content.startswith(_PNG) and len(content) <= _MAX_PICTURE_BYTES
    return base64.b64encode(content).decode() if is_sound else ""


def provide_brands(database: Database, themes: Callable[[], ThemeSet]) -> None:
    """Let operations on this database know how merchants look; `themes` is cheap to call again."""
    database.session_info[BRANDS] = ThemeBrands(themes)
