"""Every page in all six languages: axe by day and by night, and 1280 pixels enlarged to 400 %.

Of its states those that together have every element in every place: axe does not read, and all of them are looked at in English and
French (`test_accessibility.py`). What differs between languages is where words break, and from right to left everything. `make test`
looks at two pages, from right to left; `make verify` at all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from portal.examples import example_shell, render_example
from portal.rendering.translations import available_locales
from tests.browser.test_accessibility import EXAMPLES, Site, fewest_of, site, tab_of  # noqa: F401  # The fixture.
from tests.support.accessibility import accessibility_faults
from tests.support.bundled import bundled_renderer, bundled_themes
from tests.support.page_checks import page_faults
from tests.support.tiers import tier
from tests.support.zoomed import ZOOMED, zoom_faults

THEMES = {"fr": "savane", "pt": "savane", "ar": "savane"}
LOOKS = tier(
    [("ar", "payments/list.html"), ("de", "security.html")],
    [(locale, template) for locale in available_locales() for template in EXAMPLES],
)


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Page]:
    with tab_of(browser, viewport={"width": 1280, "height": 900}) as page:
        yield page


@pytest.fixture(scope="module")
def enlarged(browser: Browser) -> Iterator[Page]:
    with tab_of(browser, **ZOOMED) as page:
        yield page


@pytest.mark.parametrize(("locale", "template"), LOOKS)
def test_page_is_whole_in_its_language_by_day_by_night_and_enlarged(site, desk, enlarged, locale, template):  # noqa: F811
    faults = []
    for name, html in _states(template, locale):
        faults += [f"{name}: {fault}" for fault in page_faults(html)]
        site.html = html
        enlarged.goto(site.address)
        faults += [f"{name} at 400 %: {fault}" for fault in zoom_faults(enlarged)]
        desk.emulate_media(color_scheme="light")
        desk.goto(site.address)
        faults += [f"{name} by day: {fault}" for fault in accessibility_faults(desk)]
        desk.emulate_media(color_scheme="dark")
        # Night changes colours, and nothing else.
        faults += [f"{name} by night: {fault}" for fault in accessibility_faults(desk, only="color-contrast")]

    assert not faults, "\n".join(faults)


def _states(template: str, locale: str) -> list[tuple[str, str]]:
    theme, direction = THEMES.get(locale, "acme"), "rtl" if locale == "ar" else "ltr"
    states = []
    for example in EXAMPLES[template]:
        shell = example_shell(
            bundled_themes(), theme=theme, locale=locale, current=example.current, direction=direction
        )
        states.append((example.name, render_example(bundled_renderer(), example, shell)))
    return fewest_of(states)


def test_what_is_lost_of_an_enlarged_page_is_found(enlarged):
    enlarged.goto("about:blank")
    enlarged.set_content(
        "<style>* { margin: 0 } .bar { position: fixed; inset: auto 0 0; height: 200px; background: #fff }</style><main>"
        "<p style='width: 500px'>wide</p><p style='overflow: hidden; width: 90px; white-space: nowrap'>more than fits here</p>"
        "<button style='position: fixed; bottom: 20px'>below</button><a href=/>reached</a><div style='height: 900px'></div></main>"
        "<div class=bar>always there</div>"
    )

    faults = zoom_faults(enlarged)

    assert [fault for fault in faults if 'reached"' in fault] == []
    assert {word for word in ("wide", "more than fits", "below", "always there") if any(word in fault for fault in faults)} == {
        "wide", "more than fits", "below", "always there",
    }  # fmt: skip
