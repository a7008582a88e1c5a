"""The merchant's mark in a mail: drawn from a plain logo, carried where it is a PNG, left out where no mail program would show it."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from portal.emails.marks import build_mark
from portal.emails.pages import DARK, LIGHT
from portal.theming.marks import draw_mark
from portal.theming.themes import Theme, ThemeSet

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def theme_with(theme: Theme, tmp_path: Path, **logos: bytes) -> Theme:
    """The theme with other logo files, which are no drawings."""
    paths = {}
    for field, content in logos.items():
        paths[f"{field}_path"] = tmp_path / f"{field}.png"
        paths[f"{field}_path"].write_bytes(content)
    return replace(theme, mark=None, **paths)  # type: ignore[arg-type]


def sized(width: int, height: int) -> bytes:
    return DOT[:16] + struct.pack(">II", width, height) + DOT[24:]


@pytest.mark.parametrize("slug", ["acme", "savane", "base"])
def test_mark_of_a_bundled_theme_is_drawn_once_for_light_and_once_for_dark(themes: ThemeSet, slug: str) -> None:
    mark, pictures = build_mark(themes.get(slug), LIGHT, DARK)

    assert mark is not None
    assert [picture.cid for picture in pictures] == [mark.cid, mark.dark_cid]
    assert pictures[0].png != pictures[1].png
    for picture in pictures:
        assert struct.unpack(">II", picture.png[16:24]) == (3 * mark.width, 3 * mark.height)


def test_wide_mark_is_made_to_fit(themes: ThemeSet) -> None:
    wide = draw_mark(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 40"><path d="M0 0h800v40H0z"/></svg>')

    mark, _ = build_mark(replace(themes.get("acme"), mark=wide), LIGHT, DARK)

    assert mark is not None and (mark.width, mark.height) == (164, 12)


def test_png_is_carried_as_it_is_and_shown_in_its_proportions(themes: ThemeSet, tmp_path: Path) -> None:
    logo = sized(300, 100)

    mark, pictures = build_mark(theme_with(themes.get("acme"), tmp_path, logo=logo), LIGHT, DARK)

    assert mark is not None and (mark.width, mark.height, mark.dark_cid) == (84, 28, "")
    assert [picture.png for picture in pictures] == [logo]


def test_png_for_the_dark_is_carried_beside_it(themes: ThemeSet, tmp_path: Path) -> None:
    theme = theme_with(themes.get("acme"), tmp_path, logo=sized(10, 10), logo_dark=sized(20, 20))

    mark, pictures = build_mark(theme, LIGHT, DARK)

    assert mark is not None and [picture.cid for picture in pictures] == [mark.cid, mark.dark_cid]


@pytest.mark.parametrize("content", [b"", b"GIF89a", sized(0, 10), DOT + b"x" * 70_000])
def test_logo_that_a_mail_cannot_carry_is_left_out(themes: ThemeSet, tmp_path: Path, content: bytes) -> None:
    assert build_mark(theme_with(themes.get("acme"), tmp_path, logo=content), LIGHT, DARK) == (None, ())
