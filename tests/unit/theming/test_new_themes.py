"""A theme made of one colour: complete, readable in light and in dark, in the brand's hue; and nothing is written when it cannot be."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.assets import THEMES
from portal.theming.colour import contrast, oklch
from portal.theming.contrast import find_unreadable
from portal.theming.creation import CannotCreate, Logo, create_theme
from portal.theming.derivation import derive_dark, derive_light
from portal.theming.files import read_theme
from portal.theming.themes import load_themes
from portal.theming.tokens import LINK, TokenValues, palette

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} 28"><path fill="currentColor" d="M2 2h20v20H2z"/></svg>'
BASE, _ = read_theme(THEMES / "base" / "theme.toml")


@given(COLOURS)
@settings(max_examples=120)
@example("#ffffff")
@example("#000000")
@example("#00bcd4")
@example("#ffee00")
@example("#808080")
@example("#e4002b")
def test_every_colour_makes_a_theme_that_can_be_read(colour):
    own = TokenValues(
        {token.name: token.value for token in derive_light(colour)},
        {token.name: token.value for token in derive_dark(colour)},
    )

    assert list(find_unreadable(BASE, [BASE.values, own])) == []


@pytest.mark.parametrize("colour", ["#00bcd4", "#ffee00", "#ff9800", "#8bc34a", "#f48fb1"])
def test_light_brand_colour_stays_on_buttons_and_gets_a_darker_shade_for_links(tmp_path, colour):
    create_theme("bright", color=colour, into=tmp_path)
    values = load_themes([tmp_path]).get("bright").values
    light, dark = palette(values, "light"), palette(values, "dark")

    assert light["accent"] == dark["accent"] == colour
    assert contrast("#ffffff", colour) < 3 < contrast(light["on_accent"], colour)
    assert light["link"] != colour
    assert abs(oklch(light["link"])[2] - oklch(colour)[2]) < 8
    assert contrast(light["link"], light["surface_inset"]) >= 4.5
    assert dark["link"] == colour


def test_dark_brand_colour_is_raised_for_the_dark(tmp_path):
    create_theme("deep", color="#3b0a45", into=tmp_path)
    values = load_themes([tmp_path]).get("deep").values

    assert palette(values, "light")["link"] == "#3b0a45"
    dark = palette(values, "dark")
    assert contrast(dark["accent"], dark["surface"]) >= 7
    assert abs(oklch(dark["accent"])[2] - oklch("#3b0a45")[2]) < 8


def test_links_of_a_child_follow_its_own_primary_colour(tmp_path):
    create_theme("bright", color="#00bcd4", into=tmp_path)
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "theme.toml").write_text(
        'name = "C"\nextends = "bright"\n[tokens]\ncolor_primary = "#7a0010"\n'
    )
    values = load_themes([tmp_path]).get("child").values

    assert palette(values, "light")["link"] == "#7a0010"
    assert palette(values, "dark")["link"] == palette(values, "dark")["accent"]
    assert LINK in load_themes([tmp_path]).get("bright").values.light


@pytest.mark.parametrize(
    ("width", "told", "shows"), [(28, None, False), (96, None, True), (96, False, False), (28, True, True)]
)
def test_wide_logo_has_the_name_in_it_unless_told(tmp_path, width, told, shows):
    (tmp_path / "mark.svg").write_text(SVG.format(width))
    create_theme("bright", color="#00bcd4", into=tmp_path / "themes", logo=Logo(tmp_path / "mark.svg", told))
    theme = load_themes([tmp_path / "themes"]).get("bright")

    assert theme.brand.logo_shows_name is shows
    assert theme.logo_path == tmp_path / "themes" / "bright" / "static" / "logo.svg"
    assert ("favicon" in theme.public_paths) is (width == 28)


def test_every_colour_is_written_out_and_said(tmp_path):
    text = (create_theme("bright", color="#00bcd4", into=tmp_path).folder / "theme.toml").read_text()

    written = tomllib.loads(text)
    assert written["tokens"]["color_primary"] == "#00bcd4"
    assert set(written["tokens"]) == set(written["tokens"]["dark"]) | {"dark"}
    assert 'color_primary = "#00bcd4"  # the brand colour, as it was given' in text
    ratio = contrast(written["tokens"][LINK], "#ffffff")
    assert f"# links: the hue of buttons, darker; {ratio:.1f} to 1 on the page" in text


@pytest.mark.parametrize("name", ["Bright", "1st", "../up", "", "a" * 60, "acme", "base"])
def test_name_that_is_none_or_is_taken_writes_nothing(tmp_path, name):
    with pytest.raises(CannotCreate):
        create_theme(name, color="#00bcd4", into=tmp_path / "themes")

    assert not (tmp_path / "themes").exists()


@pytest.mark.parametrize(
    ("file", "source", "said"),
    [
        ("gone.svg", None, "there is no file"),
        ("logo.gif", b"GIF89a", "no logo of a kind"),
        ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "<script>"),
        ("logo.svg", b"not a drawing", "not an SVG that can be read"),
        ("logo.png", b"\x89PNG", "not a picture of the kind"),
        ("logo.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000, "heavier than 256 KB"),
    ],
)
def test_logo_that_no_page_may_show_writes_nothing(tmp_path, file, source, said):
    if source is not None:
        (tmp_path / file).write_bytes(source)

    with pytest.raises(CannotCreate, match=said):
        create_theme("bright", color="#00bcd4", into=tmp_path / "themes", logo=Logo(tmp_path / file))

    assert not (tmp_path / "themes").exists()


def test_theme_that_is_there_is_left_as_it_is(tmp_path):
    folder = create_theme("bright", color="#00bcd4", into=tmp_path).folder
    before = (folder / "theme.toml").read_bytes()

    with pytest.raises(CannotCreate, match="already"):
        create_theme("bright", color="#e4002b", into=tmp_path)

    assert (folder / "theme.toml").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["bright"]
