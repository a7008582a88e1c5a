"""Colours as browsers read and mix them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.theming.colour import WHITE, clean_colour, contrast, lifted, mix, readable_on

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@pytest.mark.parametrize(
    ("text", "css"),
    [
        ("#0a6b3d", "#0a6b3d"),
        ("#FFF", "#ffffff"),
        ("#ffffff26", "#ffffff26"),
        ("rgb(10 107 61)", "#0a6b3d"),
        ("rgba(10, 107, 61, .5)", "#0a6b3d80"),
        ("hsl(150 100% 25%)", "#008040"),
        ("oklch(100% 0 0)", "#ffffff"),
        ("transparent", "#00000000"),
    ],
)
def test_colour_is_read(text, css):
    assert clean_colour(text) == css


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#12",
        "#12345",
        "red",
        "url(x)",
        "rgb(1 2)",
        "rgb(1 2 3) }",
        "var(--x)",
        "#fff;color:red",
        "expression(1)",
        "rgb(. . .)",
        "rgb(1 2 3",
        "rgb(var(--x) 2 3)",
        "rgb(from white r g b)",
        "color(srgb 1 1 1)",
        "@import",
        "</style>",
        "#fff /* */",
        "rgb(" + "(" * 5000,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="is not a colour"):
        clean_colour(text)


# As Chromium computes them.
@pytest.mark.parametrize(
    ("share", "one", "other", "css"),
    [
        (0.5, "#ff0000", "#0000ff", "#8c53a2"),
        (0.52, "#171a21", "#ffffff", "#7c7e83"),
        (0.07, "#2f3f9e", "#ffffff", "#eff1f9"),
    ],
)
def test_mix_is_the_browsers(share, one, other, css):
    assert mix(share, one, other) == css


def test_contrast_as_wcag_gives_it():
    assert contrast("#000000", WHITE) == pytest.approx(21)
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.01)


@given(COLOURS)
def test_dark_twin_and_text_on_any_brand_colour_can_be_read(colour):
    ground = "#111317"

    assert contrast(lifted(colour, ground, 7), ground) >= 7
    assert contrast(readable_on(colour), colour) >= 4.5
