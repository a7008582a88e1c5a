"""Tokens of other tools become a theme: what is taken, what is left out and said, and nothing that cannot be read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.theming.colour import contrast
from portal.theming.creation import CannotCreate, create_theme
from portal.theming.imported import Imported, NoTokens, read_tokens
from portal.theming.themes import load_themes
from portal.theming.tokens import TokenValues, palette

DATA = Path(__file__).parents[2] / "data" / "tokens"


def _read(name: str) -> Imported:
    return read_tokens(json.loads((DATA / name).read_text("utf-8")))


def _color(value: object) -> dict[str, object]:
    return {"$type": "color", "$value": value}


def test_appearance_of_stripe_is_taken_by_its_names():
    found = _read("appearance.json")

    assert found.values.light == {
        "color_primary": "#0570de", "color_background": "#ffffff", "color_text": "#8a8f98", "color_danger": "#df1b41",
        "font_family": '"Ideal Sans", system-ui, sans-serif', "border_radius": "4px", "font_weight_medium": "600",
    }  # fmt: skip
    assert found.values.dark == {}
    assert found.sources["tokens", "color_primary"] == "variables.colorPrimary"
    assert [sentence.split(":")[0] for sentence in found.left_out] == [
        "variables.spacingUnit", "variables.iconColor", "variables.colorTextPlaceholder", "rules",
    ]  # fmt: skip


def test_night_of_stripe_is_the_dark_theme():
    found = read_tokens({"theme": "night", "variables": {"colorPrimary": "#8ab4ff", "borderRadius": "2px"}})

    assert found.values == TokenValues({"border_radius": "2px"}, {"color_primary": "#8ab4ff"})


def test_design_tokens_are_taken_by_what_they_are_for():
    found = _read("brand.tokens.json")

    assert found.values.light == {
        "color_primary": "#00bcc5", "color_text": "#012b30", "color_background": "#fcffff",
        "font_family": '"Inter", sans-serif', "font_size_base": "1rem", "font_weight_bold": "700", "border_radius": "10px",
    }  # fmt: skip
    assert found.values.dark == {"color_background": "#001214", "color_text": "#e8fbfd"}
    assert found.left_out == (
        "color.text.secondary: there is no token color.nowhere",
        "color.border: its aliases lead in a circle",
        "color.loop: its aliases lead in a circle",
        "2 more that no page has, such as steps of a scale",
    )


@pytest.mark.parametrize("name", ["appearance.json", "brand.tokens.json"])
def test_theme_of_another_tools_tokens_is_sound_and_says_whence_each_came(tmp_path, name):
    found = _read(name)

    created = create_theme("taken", color=None, into=tmp_path, imported=found)

    text = (created.folder / "theme.toml").read_text("utf-8")
    assert load_themes([tmp_path]).faults == ()
    assert f"# from {found.sources['tokens', 'color_primary']}\n" in text
    assert tomllib.loads(text)["tokens"]["color_background"] == found.values.light["color_background"]


def test_colour_that_cannot_be_read_is_moved_and_said(tmp_path):
    created = create_theme("taken", color=None, into=tmp_path, imported=_read("appearance.json"))

    light = palette(load_themes([tmp_path]).get("taken").values, "light")
    assert contrast(light["text"], "#ffffff") >= 4.5
    assert f"color_text under [tokens]: #8a8f98 cannot be read, {light['text']} can" in created.moved
    assert "# from variables.colorText; #8a8f98 could not be read" in (created.folder / "theme.toml").read_text()


def test_colour_that_is_said_goes_before_the_files(tmp_path):
    create_theme("taken", color="#7a0010", into=tmp_path, imported=_read("appearance.json"))

    assert load_themes([tmp_path]).get("taken").values.light["color_primary"] == "#7a0010"


def test_file_without_a_primary_colour_needs_one_said(tmp_path):
    with pytest.raises(CannotCreate, match="say it with --color"):
        create_theme("taken", color=None, into=tmp_path / "t", imported=read_tokens({"text": _color("#112233")}))

    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("value", "colour"),
    [
        ({"colorSpace": "srgb", "components": [1, 0.2, 0]}, "#ff3300"),
        ({"colorSpace": "hsl", "components": [120, 100, 25]}, "#008000"),
        ({"colorSpace": "oklch", "components": [0, 0, "none"]}, "#000000"),
        ({"colorSpace": "display-p3", "components": [0, 0, 1], "hex": "#0000ff"}, "#0000ff"),
        ("#ABC", "#aabbcc"),
    ],
)
def test_colour_of_every_space_is_read(value, colour):
    assert read_tokens({"brand": _color(value)}).values.light == {"color_primary": colour}


@pytest.mark.parametrize(
    "value",
    [
        {"colorSpace": "srgb", "components": [1, 0]}, {"colorSpace": "nowhere", "components": [1, 0, 0]}, {"colorSpace": "srgb"}, 7, None, "teal",
        {"colorSpace": "oklch", "components": [float("nan"), 0, 0]}, {"colorSpace": "oklch", "components": [float("inf"), 0, 0]},
        {"colorSpace": "oklch", "components": [1e308, 1e308, 1e308]}, {"colorSpace": "srgb", "components": [10**400, 0, 0]},
        {"colorSpace": "srgb", "components": [1, 0, True]}, {"colorSpace": "srgb", "components": [0, 0, 0], "alpha": 0.5},
    ],
)  # fmt: skip
def test_colour_that_is_none_is_left_out_and_said(value):
    found = read_tokens({"brand": _color(value)})

    assert found.values == TokenValues({}, {})
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith("brand: ")


def test_nothing_is_guessed_between_two_of_one_name():
    found = read_tokens(
        {"a": {"text": _color("#111111")}, "text": _color("#111111"), "default": {"text": _color("#222222")}}
    )

    assert "color_text" not in found.values.light
    assert found.left_out[0] == "text and default.text both say color_text, and differ: neither was taken"


@pytest.mark.parametrize("document", [None, [], 7, "x", {}, {"a": 1}, {"variables": []}, {"variables": {}, "other": 1}])
def test_document_of_something_else_is_refused(document):
    with pytest.raises(NoTokens):
        read_tokens(document)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=12) | st.sampled_from(["#123456", "{a}", "{a.b}", "color"]),
    lambda inside: st.lists(inside, max_size=4)
    | st.dictionaries(
        st.sampled_from(["$value", "$type", "a", "b", "primary", "text", "font", "variables", "theme", "colorPrimary"]), inside, max_size=5
    ),
    max_leaves=30,
)  # fmt: skip


@given(_JSON)
@example({"theme": [], "variables": {}})  # What is no text is no name of a theme.
def test_whatever_is_in_a_file_is_taken_left_out_or_refused(document):
    try:
        found = read_tokens(document)
    except NoTokens:
        return
    assert set(found.sources) == {("tokens", name) for name in found.values.light} | {
        ("tokens.dark", name) for name in found.values.dark
    }


@pytest.mark.parametrize(
    ("kind", "value"),
    [("fontWeight", []), ("fontWeight", None), ("fontWeight", 10**400), ("number", 10**400)],
)
def test_number_that_is_none_is_left_out_and_said(kind, value):
    found = read_tokens({"font": {"weight": {"bold": {"$type": kind, "$value": value}}}})

    assert found.values == TokenValues({}, {})
    assert len(found.left_out) == 1
    assert len(found.left_out[0]) < 160


@pytest.mark.parametrize("theme", [["night"], {}, 7, None])
def test_theme_of_stripe_that_is_none_is_the_light_one(theme):
    assert read_tokens({"theme": theme, "variables": {"colorPrimary": "#123456"}}).values.light == {
        "color_primary": "#123456"
    }
