"""The themes of made-up companies: whole pages and mails, brands that nobody takes for another, and what each of them is there to show."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from portal.assets import TEMPLATES, THEMES
from portal.emails.rendering import render_mail
from portal.examples import example_shell, examples, render_example
from portal.examples.mails import example_mail_brand, mail_examples
from portal.rendering.renderer import Renderer
from portal.rendering.translations import available_locales
from portal.theming.art import clean_art
from portal.theming.colour import contrast
from portal.theming.themes import ThemeSet
from portal.theming.tokens import LINK, palette
from tests.support.page_checks import page_faults

COMPANIES = ("kontor", "nakhla", "norra", "orval", "rivermouth", "zazou")
EXAMPLES = {example.name: example for example in examples()}
DOORS = [
    name
    for name, each in EXAMPLES.items()
    if each.template in ("sign_in/address.html", "sign_in/code.html", "errors/not_found.html")
]
DOCUMENT = Path(__file__).resolve().parents[3] / "docs/themes.md"


def shown(renderer: Renderer, themes: ThemeSet, name: str, *, theme: str, locale: str) -> str:
    example = EXAMPLES[name]
    direction = "rtl" if locale == "ar" else "ltr"
    shell = example_shell(themes, theme=theme, locale=locale, current=example.current, direction=direction)
    return render_example(renderer, example, shell)


def test_document_lists_and_shows_every_company() -> None:
    section = DOCUMENT.read_text("utf-8").partition("## Themes to start from")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(COMPANIES)
    assert {f"pictures/theme-{slug}.png" for slug in COMPANIES} == set(re.findall(r"\((pictures/[^)]+)\)", section))
    assert {folder.name for folder in THEMES.iterdir()} == {"base", "acme", "savane", *COMPANIES}


@pytest.mark.parametrize("theme", COMPANIES)
@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("name", ["sign-in", "overview", "invoices", "review-ready", "details-faulty", "not-found"])
def test_page_is_whole_in_each_company(
    renderer: Renderer, themes: ThemeSet, name: str, locale: str, theme: str
) -> None:
    assert page_faults(shown(renderer, themes, name, theme=theme, locale=locale)) == []


def test_no_two_companies_look_alike(themes: ThemeSet) -> None:
    brands = {slug: themes.get(slug) for slug in ("acme", "savane", *COMPANIES)}

    for one, other in combinations(brands.values(), 2):
        looks = [
            (theme.values.light["color_primary"], palette(theme.values, "light")["rail_fill"]) for theme in (one, other)
        ]
        assert looks[0] != looks[1], (one.slug, other.slug)
    assert len({theme.logo_path.read_bytes() for theme in brands.values() if theme.logo_path}) == len(brands)


@pytest.mark.parametrize("slug", COMPANIES)
def test_logo_is_drawn_in_pages_and_carried_by_mails(themes: ThemeSet, slug: str) -> None:
    theme = themes.get(slug)
    mail = example_mail_brand(theme, "en").mark

    assert theme.slug == slug and theme.mark is not None
    assert mail is not None and mail.shows_name is theme.brand.logo_shows_name


@pytest.mark.parametrize("slug", COMPANIES)
def test_front_door_has_words_in_the_languages_of_the_company(themes: ThemeSet, slug: str) -> None:
    texts = themes.get(slug).texts

    assert {"en"} < set(texts) <= {locale.partition("-")[0] for locale in available_locales()}
    assert all(words["welcome"].strip() for words in texts.values())


def test_light_brand_keeps_its_colour_and_has_links_that_can_be_read(themes: ThemeSet) -> None:
    light = themes.get("zazou").values.light

    assert contrast(light["color_primary"], light["color_background"]) < 2
    assert contrast(light[LINK], light["color_background"]) > 4.5


def test_name_in_a_logo_is_not_written_beside_it(renderer: Renderer, themes: ThemeSet) -> None:
    html = shown(renderer, themes, "sign-in", theme="orval", locale="en")

    link = html.partition('class="brand-link"')[2].partition("</a>")[0]
    assert "brand-mark" in link and re.sub(r'<span class="hidden-text">[^<]*</span>', "", link).endswith("</svg>")


def test_arabic_first_brand_has_art_that_is_the_same_from_either_side(themes: ThemeSet) -> None:
    values = themes.get("nakhla").values.light
    places = re.findall(r"repeat-x (\S+)", clean_art(values["art"]) + " " + values["rail_art"])

    assert re.search(r"[\u0600-\u06ff]", themes.get("nakhla").brand.display_name)
    assert places and all(place.startswith(("50%", "calc(50%")) for place in places)


# --- the one with a template and a mail of its own ---


@pytest.mark.parametrize("locale", available_locales())
@pytest.mark.parametrize("name", DOORS)
def test_hours_stand_on_the_front_door_in_each_language(
    renderer: Renderer, themes: ThemeSet, name: str, locale: str
) -> None:
    theme = themes.get("rivermouth")

    html = shown(renderer, themes, name, theme="rivermouth", locale=locale)

    assert page_faults(html) == []
    assert EXAMPLES[name].current or theme.texts_for(locale)["hours"] in html.replace("&#39;", "'")


@pytest.mark.parametrize("name", DOORS)
def test_front_door_is_ours_but_for_the_hours(renderer: Renderer, themes: ThemeSet, name: str) -> None:
    ours = shown(renderer, themes, name, theme="norra", locale="en")
    theirs = re.sub(
        r'<p class="hint">By telephone.*?</p>\s*', "", shown(renderer, themes, name, theme="rivermouth", locale="en")
    )

    def structure(html: str) -> list[str]:
        main = html.partition("<main")[2].partition("</main>")[0]
        return re.findall(r"</?(\w+)", main)

    assert structure(theirs) == structure(ours)


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_receipt_begins_with_the_reference(renderer: Renderer, themes: ThemeSet, locale: str) -> None:
    receipts = [
        each
        for each in mail_examples(example_mail_brand(themes.get("rivermouth"), locale))
        if each.template == "emails/receipt"
    ]

    for example in receipts:
        html = render_mail(renderer, "receipt", example.page, theme="rivermouth").html
        first_row = html.partition('class="facts"')[2].partition("</tr>")[0]
        assert example.page.reference in first_row, example.name  # type: ignore[attr-defined]
        assert html.count(example.page.reference) == 1  # type: ignore[attr-defined]
    assert len(receipts) == 5


@pytest.mark.parametrize(
    ("own", "ours"),
    [("templates/layouts/door.html", "layouts/door.html"), ("emails/receipt.html", "emails/receipt.html")],
)
def test_template_of_a_theme_has_all_that_ours_has(own: str, ours: str) -> None:
    """A line that ours gets later is missed here, before a customer misses it."""
    lines = (THEMES / "rivermouth" / own).read_text("utf-8").splitlines()
    moved = re.compile(r'^<p class="quiet">')

    missing = [
        line
        for line in (TEMPLATES / ours).read_text("utf-8").splitlines()
        if line not in lines and not moved.match(line)
    ]

    assert missing == []
