"""Colours as browsers read and mix them."""

from __future__ import annotations

import math

import pytest
from coloraide import Color
from hypothesis import given
from hypothesis import strategies as st

from portal.theming.colour import WHITE, clean_colour, contrast, lifted, mix, nearest_passing, readable_on

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


@pytest.mark.parametrize(
    ("colour", "grounds", "least"),
    [
        ("#00bcd4", ["#ffffff"], 4.5),
        ("#00bcd4", ["#ffffff", "#f4f6f8", "#e8fbfd"], 4.5),
        ("#ffdd00", ["#ffffff"], 3.0),
        ("#5b2a86", ["#101418"], 4.5),
        ("#808080", ["#808080"], 4.5),
        ("#ffffff", ["#ffffff"], 20.9),
    ],
)
def test_nearest_passing_colour_passes_and_keeps_its_hue(colour, grounds, least):
    found = nearest_passing(colour, grounds, least)

    assert found is not None
    assert min(contrast(found, ground) for ground in grounds) >= least
    hue, found_hue = (Color(each).convert("oklch")["hue"] for each in (colour, found))
    assert math.isnan(hue) or math.isnan(found_hue) or abs(hue - found_hue) < 5  # A screen of 8 bits has no finer one.


@pytest.mark.parametrize("colour", ["#00bcd4", "#ffdd00", "#5b2a86", "#c0ffee", "#0a6b3d"])
@pytest.mark.parametrize("ground", ["#ffffff", "#14171c", "#777777"])
def test_no_lightness_between_a_colour_and_the_nearest_that_passes_does(colour, ground):
    found = nearest_passing(colour, [ground], 4.5)

    assert found is not None  # Black or white passes on every ground.
    start, distance = Color(colour).convert("oklch"), _lightness_between(colour, found)
    for share in (-0.9, -0.6, -0.3, 0.3, 0.6, 0.9) if found != colour else ():
        nearer = start.clone().set("lightness", min(max(start["lightness"] + share * distance, 0), 1))
        assert contrast(nearer.fit("srgb", method="oklch-chroma").convert("srgb").to_string(hex=True), ground) < 4.5


def test_colour_that_passes_is_its_own_nearest():
    assert nearest_passing("#0a6b3d", ["#ffffff"], 4.5) == "#0a6b3d"


def test_no_colour_passes_between_a_dark_and_a_light_ground():
    assert nearest_passing("#00bcd4", ["#ffffff", "#000000"], 5) is None


def _lightness_between(one: str, other: str) -> float:
    lightness, others = (Color(each).convert("oklch")["lightness"] for each in (one, other))
    return abs(lightness - others)
