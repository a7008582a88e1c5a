"""Art: what may be written, and its colour at a point."""

from __future__ import annotations

import pytest

from portal.theming.art_text import parse_art
from portal.theming.colour import WHITE


def colour_at(text, x, y, width=100, height=100):
    return parse_art(text).on(width, height, WHITE).colour_at(x, y).css()


@pytest.mark.parametrize(
    ("text", "x", "y", "css"),
    [
        ("none", 5, 5, "#ffffff"),
        ("#123456", 5, 5, "#123456"),
        ("linear-gradient(#000, #fff)", 50, 50, "#808080"),
        ("linear-gradient(to right, #000 50%, #fff 50%)", 49, 10, "#000000"),
        ("linear-gradient(90deg, #000 50%, #fff 50%)", 51, 10, "#ffffff"),
        ("linear-gradient(to top left, #000 0 50%, #f00 50%)", 10, 10, "#ff0000"),
        ("radial-gradient(circle at 50% 50%, #f00 10px, #00f 10px)", 55, 50, "#ff0000"),
        ("radial-gradient(circle at 50% 50%, #f00 10px, #00f 10px)", 65, 50, "#0000ff"),
        ("radial-gradient(circle closest-side, #f00 0 50%, #00f 50%)", 76, 50, "#0000ff"),
        ("repeating-linear-gradient(to right, #f00 0 10px, #00f 10px 20px)", 85, 0, "#ff0000"),
        ("linear-gradient(#f00, #f00) no-repeat 100% 100% / 100% calc(1rem + 4px), #00f", 50, 79, "#0000ff"),
        ("linear-gradient(#f00, #f00) no-repeat 100% 100% / 100% calc(1rem + 4px), #00f", 50, 81, "#ff0000"),
        ("linear-gradient(#ff000080, #ff000080), #00f", 50, 50, "#80007f"),
    ],
)
def test_colour_at_a_point(text, x, y, css):
    assert colour_at(text, x, y) == css


@pytest.mark.parametrize(
    "text",
    [
        "url(x.png)", "linear-gradient(url(x), #fff)", "image(red)", "linear-gradient(#fff)", "linear-gradient(#fff, #000", "var(--art)",
        "linear-gradient(#fff, #000); color: red", "linear-gradient(#fff, #000) }", "#fff, linear-gradient(#fff, #000)", "</style>",
        "linear-gradient(#fff 10, #000)", "@import 'x'", "element(#x)", "cross-fade(#fff, #000)", "linear-gradient(#fff, red)", "\\75rl(x)",
        "linear-gradient(#fff, #000) /* */", "", "linear-gradient(#fff calc(1px * 1px), #000)", "linear-gradient(#fff calc(1px / 0), #000)",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        parse_art(text)
