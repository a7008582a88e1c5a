"""A theme's logo as pictures that every mail program shows: PNG, for light and for dark, carried by the message and never fetched.

A mark of plain shapes is drawn on the band's own colour, since a program that turns a mail dark by itself changes the band but no
picture: the mark then stands on a tile, and can still be seen. A logo that is a PNG is carried as it is; any other is left out.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from portal.emails.pages import MailColours, MailMark
from portal.theming.themes import Theme

LIGHT_CID = "mark@portal"
DARK_CID = "mark-dark@portal"

_HEIGHT, _MAX_WIDTH, _MARGIN, _CORNER = 28, 160, 2, 6  # Pixels on the screen.
_DENSITY = 3
_MAX_BYTES = 64 * 1024
_SIZE = re.compile(r'<svg class="brand-mark" viewBox="[^"]*" width="([0-9.]+)" height="([0-9.]+)" aria-hidden="true">')


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the message carries; its HTML shows it as `cid:` and the id."""

    cid: str
    png: bytes


def build_mark(theme: Theme, light: MailColours, dark: MailColours) -> tuple[MailMark | None, tuple[Picture, ...]]:
    """Return the theme's mark and the pictures that it is made of; None and none where its logo cannot be shown in a mail."""
    if theme.mark is not None:
        mark, pictures = _drawn(str(theme.mark), light, dark)
    else:
        mark, pictures = _carried(theme.logo_path, theme.logo_dark_path)
    return replace(mark, shows_name=theme.brand.logo_shows_name) if mark else None, pictures


def _drawn(mark: str, light: MailColours, dark: MailColours) -> tuple[MailMark | None, tuple[Picture, ...]]:
    start = _SIZE.match(mark)
    if start is None or not float(start[1]) or not float(start[2]):
        return None, ()
    width, height = _fitted(float(start[1]), float(start[2]))
    size = (width + 2 * _MARGIN, height + 2 * _MARGIN)
    pictures = tuple(
        Picture(cid, png)
        for cid, colours in ((LIGHT_CID, light), (DARK_CID, dark))
        if (png := _draw(mark, size, colours.band, colours.band_text)) is not None
    )
    return (MailMark(LIGHT_CID, DARK_CID, *size), pictures) if len(pictures) == 2 else (None, ())


@lru_cache(maxsize=256)
def _draw(mark: str, size: tuple[int, int], ground: str, ink: str) -> bytes | None:
    import resvg_py

    width, height = size
    inner = re.sub(r' width="[^"]*" height="[^"]*"', "", mark, count=1).replace(
        "<svg ",
        f'<svg x="{_MARGIN}" y="{_MARGIN}" width="{width - 2 * _MARGIN}" height="{height - 2 * _MARGIN}" ',
        1,
    )
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" color="{ink}">'
        f'<rect width="{width}" height="{height}" rx="{_CORNER}" fill="{ground}"/>{inner}</svg>'
    )
    try:
        return bytes(resvg_py.svg_to_bytes(svg_string=drawing, zoom=_DENSITY, skip_system_fonts=True))
    except ValueError:  # Shapes that pass the allow-list and still cannot be drawn.
        return None


def _carried(path: Path | None, dark_path: Path | None) -> tuple[MailMark | None, tuple[Picture, ...]]:
    logo = _read_png(path)
    if logo is None:
        return None, ()
    dark = _read_png(dark_path)
    size = _fitted(*struct.unpack(">II", logo[16:24]))
    pictures = (Picture(LIGHT_CID, logo), *([Picture(DARK_CID, dark)] if dark else []))
    return MailMark(LIGHT_CID, DARK_CID if dark else "", *size), pictures


@lru_cache(maxsize=256)
def _read_png(path: Path | None) -> bytes | None:
    """Return a picture of a size that a mail may have, or None."""
    if path is None or path.suffix != ".png" or path.stat().st_size > _MAX_BYTES:
        return None
    png = path.read_bytes()
    is_png = png[:8] == b"\x89PNG\r\n\x1a\n" and png[12:16] == b"IHDR" and len(png) > 24
    return png if is_png and all(struct.unpack(">II", png[16:24])) else None


def _fitted(width: float, height: float) -> tuple[int, int]:
    scale = min(_HEIGHT / height, _MAX_WIDTH / width)
    return max(1, round(width * scale)), max(1, round(height * scale))
