"""Themes from their folders: joined, compiled, checked, and never an error for the merchant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.theming.checking import check_themes, list_themes
from portal.theming.colour import contrast
from portal.theming.marks import draw_mark
from portal.theming.themes import load_themes
from portal.theming.tokens import TOKENS, palette, pay_button
from portal.theming.versions import version_on_disk


@pytest.fixture
def write_theme(tmp_path):
    def write(text, slug="loud", **files):
        folder = tmp_path / "themes" / slug
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "theme.toml").write_text(text)
        for name, body in files.items():
            path = folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)
        return tmp_path / "themes"

    return write


def test_bundled_themes_are_sound():
    assert check_themes() == []
    sound = {row.slug for row in list_themes() if row.sound}
    assert sound == {"base", "acme", "savane", "kontor", "nakhla", "norra", "orval", "rivermouth", "zazou"}


# Design, section 4: measured in a browser.
@pytest.mark.parametrize(
    ("theme", "mode", "name", "ground", "ratio"),
    [
        ("acme", "light", "muted", "accent_soft", 5.79),
        ("acme", "dark", "line_strong", "surface_inset", 4.03),
        ("acme", "light", "on_accent", "accent_strong", 10.09),
        ("savane", "light", "caution", "caution_soft", 5.56),
        ("savane", "dark", "bad", "bad_soft", 7.00),
        ("savane", "light", "rail_mark", "rail_fill", 5.53),
        ("savane", "dark", "rail_muted", "rail_fill", 9.66),
    ],
)
def test_contrast_is_what_was_measured(theme, mode, name, ground, ratio):
    colours = palette(load_themes().get(theme).values, mode)

    assert contrast(colours[name], colours[ground]) == pytest.approx(ratio, abs=0.05)


def test_theme_of_one_colour_is_complete_and_has_a_dark_twin(write_theme):
    loaded = load_themes([write_theme('name = "Loud"\n[tokens]\ncolor_primary = "#b00060"\n')])
    theme = loaded.get("loud")

    assert loaded.faults == ()
    assert theme.lineage == ("loud", "base")
    dark = palette(theme.values, "dark")
    assert contrast(dark["accent"], dark["surface"]) >= 7
    assert contrast(dark["on_accent"], dark["accent"]) >= 4.5
    assert "--color-primary:light-dark(#b00060,#" in theme.stylesheet


def test_stylesheet_has_computed_colours_for_browsers_of_before_light_dark():
    css = load_themes().get("acme").stylesheet
    older = css.partition("@supports not (color:light-dark(#000,#fff))")[2]

    assert css.startswith("@layer theme{:root{")
    assert "--accent-soft:#eff1f9" in older
    assert "light-dark" not in older
    assert "color-mix" not in css
    assert '@media (prefers-color-scheme:dark){:root:not([data-color-scheme="light"])' in older
    assert css.count("{") == css.count("}")


def test_pay_wears_the_brands_colour_only_where_it_stands_out_from_the_panel(write_theme):
    loaded = load_themes([write_theme('name = "Loud"\n[tokens]\ncolor_primary = "#b00060"\n')])
    bright = palette(loaded.get("loud").values, "light")
    unseen = pay_button("#ffe680", "#000000", "light")

    assert (bright["pay_fill"], bright["pay_text"]) == ("#b00060", "#ffffff")
    assert unseen == {"pay_fill": "#14171c", "pay_text": "#ffffff"}
    assert ".payment-panel *{--pay-fill:light-dark(#b00060,#" in loaded.get("loud").stylesheet


def test_theme_inherits_texts_brand_and_tokens(write_theme):
    folder = write_theme('name = "Loud"\nextends = "savane"\n[texts.fr]\nwelcome = "Bonjour"\n')
    theme = load_themes([folder]).get("loud")

    assert theme.texts_for("fr") == {"welcome": "Bonjour"}
    assert theme.texts_for("fr-CM") == {"welcome": "Bonjour"}
    assert theme.texts_for("en") == {"welcome": "Light, and clear accounts."}
    assert theme.texts_for("de") == {}
    assert theme.public_paths["logo"] == "themes/savane/logo.svg"
    assert theme.values.light["rail_fill"] == "#0b4a2d"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('name = "Loud"\n[tokens]\ncolor_primry = "#fff"\n', 3, "color_primry is not a token"),
        ('name = "Loud"\n[tokens]\ncolor_text = "#aaa"\n', 3, "text on the page 2.32"),
        ('name = "Loud"\n[tokens]\nrail_fill = "#777"\n', 3, "rail_text on rail_fill"),
        ('name = "Loud"\n[tokens.dark]\ncolor_danger = "#500"\n', 3, "errors on the page"),
        ('name = "Loud"\n[tokens]\ncolor_text = "#222"\nart_fill = "#333"\n', 4, "art_text on art_fill"),
        ('name = "Loud"\n[tokens]\nart_fill = "#333"\n', 3, "art_text on art_fill"),
        (
            'name = "Loud"\n[tokens]\nart = "linear-gradient(#000, #111)"\nart_text = "#fff"\n',
            4,
            "art_text on art_fill",
        ),
        ('name = "Loud"\n[tokens.dark]\nart_text = "#333"\n', 3, "art_text on art_fill"),
        ('name = "Loud"\n[tokens]\nart = "url(https://evil.example/x.png)"\n', 3, "art has"),
        ('name = "Loud"\n[tokens]\ncolor_primary = "red;}"\n', 3, "color_primary is not a colour"),
        ('name = "Loud"\n[tokens]\nborder_radius = "8px;}</style>"\n', 3, "border_radius is not a length"),
        ('name = "Loud"\n[tokens]\nborder_radius = "800px"\n', 3, "border_radius is not between"),
        ('name = "Loud"\n[tokens]\nfont_family = "x\\"; } @import url(y)"\n', 3, "font_family is not a list"),
        ('name = "Loud"\n[tokens]\nfont_weight_bold = true\n', 3, "font_weight_bold is not a number"),
        ('name = "Loud"\n[tokens.dark]\nborder_radius = "8px"\n', 3, "belongs under [tokens]"),
        ('name = "Loud"\n[brand]\nlogo = "static/none.svg"\n', 3, "there is no file static/none.svg"),
        ('name = "Loud"\n[brand]\nlogo = "../../secret.svg"\n', 3, "brand.logo is not written as it should be"),
        ('name = "Loud"\n[brand]\nprivacy_url = "javascript:alert(1)"\n', 3, "must begin with https://"),
        ('name = "Loud"\n[brands]\nlogo = "x"\n', 2, "brands is not known here"),
        ('name = "Loud"\nextends = "nobody"\n', 2, "no sound theme named nobody"),
        ('name = "Loud"\nextends = "loud"\n', 2, "cannot extend itself"),
        ('[tokens]\ncolor_primary = "#b00060"\n', 0, "name is missing"),
        ('name = "Loud\n', 1, "is not TOML"),
    ],
)
def test_fault_is_named_with_file_and_line_and_the_base_stands_in(write_theme, text, line, words):
    folder = write_theme(text)
    loaded = load_themes([folder])

    named = [fault for fault in loaded.faults if words in fault.sentence]
    assert named, [str(fault) for fault in loaded.faults]
    assert (named[0].line, named[0].path, named[0].theme) == (line, folder / "loud" / "theme.toml", "loud")
    assert loaded.get("loud").slug == "base"
    assert [row.slug for row in list_themes([folder]) if not row.sound] == ["loud"]


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("templates__overview_dot_html", "{% if %}", "does not parse"),
        ("templates__nothing_dot_html", "x", "there is no template nothing.html to replace"),
    ],
)
def test_template_that_cannot_be_used_is_a_fault(write_theme, name, source, words):
    folder = write_theme('name = "Loud"', **{name: source})

    (fault,) = check_themes([folder], only="loud")

    assert words in fault.sentence
    assert fault.path.name.endswith(".html")


def test_template_that_leaves_out_the_payment_panel_is_a_fault(write_theme, tmp_path):
    bundled = tmp_path / "templates"
    bundled.mkdir()
    (bundled / "review.html").write_text('{% include "components/payment_panel.html" %}')
    folder = write_theme('name = "Loud"', templates__review_dot_html="<h1>Pay</h1>")

    (fault,) = (fault for fault in load_themes([folder], templates=bundled).faults if fault.theme == "loud")

    assert "leaves out components/payment_panel.html" in fault.sentence


def test_child_of_a_faulty_theme_is_named_and_not_used(write_theme):
    write_theme('name = "Loud"\n[tokens]\ncolor_text = "#aaa"\n')
    folder = write_theme('name = "Child"\nextends = "loud"\n[tokens]\ncolor_text = "#111"\n', slug="child")

    loaded = load_themes([folder])

    assert loaded.get("child").slug == "base"
    assert any(fault.theme == "child" and "its parent loud has a fault" in fault.sentence for fault in loaded.faults)


def test_folder_that_is_missing_and_slug_that_is_taken_are_faults(write_theme, tmp_path):
    folder = write_theme('name = "Other acme"', slug="acme")

    faults = check_themes([folder, tmp_path / "nowhere"])

    assert {re.sub(r".*: ", "", str(fault)) for fault in faults} == {
        "there is a theme named acme already",
        "there is no such folder",
    }


def test_art_needs_no_contrast_as_no_text_stands_on_it(write_theme):
    text = 'name = "Loud"\n[tokens]\nart = "linear-gradient(#171a21, #171a21)"\nrail_art = "linear-gradient(#171a21, #171a21)"\n'

    loaded = load_themes([write_theme(text)])

    assert loaded.faults == ()
    assert "--rail-art:linear-gradient(#171a21, #171a21)" in loaded.get("loud").stylesheet


def test_ground_of_the_door_follows_from_the_primary_colour_unless_it_is_set(write_theme):
    write_theme('name = "Loud"\n[tokens]\ncolor_primary = "#b00060"\n')
    folder = write_theme('name = "Own"\nextends = "loud"\n[tokens]\nart_fill = "#fff"\nart_text = "#000"\n', slug="own")
    loaded = load_themes([folder])

    light, dark = (palette(loaded.get("loud").values, mode) for mode in ("light", "dark"))
    assert (light["art_fill"], dark["art_fill"]) == (light["accent_soft"], dark["accent_soft"])
    assert [palette(loaded.get("own").values, mode)["art_fill"] for mode in ("light", "dark")] == ["#ffffff"] * 2


def test_mark_is_drawn_from_plain_shapes_only():
    start = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28">'

    assert draw_mark(f'{start}<path d="M1 1h2"/></svg>'.encode()) == (
        '<svg class="brand-mark" viewBox="0 0 28 28" width="28" height="28" aria-hidden="true"><path d="M1 1h2"></path></svg>'
    )
    for inside in (
        "<script>x</script>",
        '<path onload="x" d="M1"/>',
        '<path d="M1" fill="url(#a)&quot;"/>',
        "<image/>",
        '<a href="x"/>',
    ):
        assert draw_mark(f"{start}{inside}</svg>".encode()) is None
    assert draw_mark(b"<svg/>") is None
    assert (
        draw_mark(b'<!DOCTYPE x [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>') is None
    )


def test_documentation_lists_the_tokens_and_no_others():
    table = Path("docs/themes.md").read_text().partition("## Tokens")[2].partition("## What")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(TOKENS)


@pytest.mark.parametrize(
    "text",
    [
        'name = "L"\n[tokens]\nfont_weight_bold = ' + "9" * 400,
        'name = "L"\n[tokens]\nfont_weight_bold = ' + "9" * 5000,
        "a = " + "[" * 5000,
    ],
)
def test_file_that_cannot_be_read_is_a_fault_of_its_theme_alone(write_theme, text):
    folder = write_theme(text)
    write_theme('name = "Fine"\n', slug="fine")

    loaded = load_themes([folder])

    assert {fault.theme for fault in loaded.faults} == {"loud"}
    assert loaded.get("fine").slug == "fine"


def test_template_that_is_nested_too_deeply_is_a_fault_of_its_theme(write_theme):
    folder = write_theme('name = "L"\n', templates__overview_dot_html="{{ " + "(" * 3000 + ")" * 3000 + " }}")

    assert {fault.theme for fault in load_themes([folder]).faults} == {"loud"}


def test_folder_in_place_of_the_file_and_links_in_a_circle_are_no_error(write_theme, tmp_path):
    folder = write_theme('name = "L"\n')
    (folder / "odd" / "theme.toml").mkdir(parents=True)
    (folder / "loud" / "loop").symlink_to("loop")

    loaded = load_themes([folder])

    assert {fault.theme for fault in loaded.faults} == {"odd"}
    assert loaded.get("loud").slug == "loud"
    assert version_on_disk([folder]) == version_on_disk([folder])
