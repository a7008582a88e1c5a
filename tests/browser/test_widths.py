"""No page scrolls sideways, whatever stands in it: words of 60 characters, names of 80, UUIDs and amounts of 15 digits, in every
example of every page. `make test` looks at each template in one of the brands and one of its states in three, by turns; `make verify`
at all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from portal.examples import Example, example_shell, examples, render_example
from portal.payments.pages import FilterChip
from portal.payments.rules.filters import HistoryFilter
from portal.rendering.renderer import Renderer
from portal.theming.themes import ThemeSet
from tests.browser.test_accessibility import Site, site, structure_of  # noqa: F401  # The fixture.
from tests.support.operable import UNFOLD
from tests.support.tiers import tier

WIDTHS = (320, 360, 1024)
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunter"[:60]
NAME = f"{WORD} {WORD}"[:80]
UUID = "0a6f7c9e-58d1-4c3b-9e27-5b1d90f4c8aa"
AMOUNT = 999_999_999_999_999
CODES = frozenset(
    "currency retry_currency status state kind type brand code locale consent_locale target notice open fault shape tone dir receipt"
    " left_at pay_with_kind country mark last4 channel failure_code dial zone chosen window template reason action phone standing methods currencies".split()
)
"""Fields that are a word of ours or of the gateway, by which templates decide; and what is never longer than it is."""
NAMES = frozenset("nickname holder name title description note bank_name customer_name customer_company payee".split())
EXAMPLES: dict[str, list[Example]] = defaultdict(list)
for _example in examples():
    EXAMPLES[_example.template].append(_example)
BRANDS = (("acme", "en"), ("savane", "fr"))
TURNS = 3
LOOKS = [
    (template, *brand)
    for place, template in enumerate(EXAMPLES)
    for brand in tier(BRANDS[place % 2 : place % 2 + 1], BRANDS)
]

# What runs over, named so that the fault can be found: the innermost elements that end beyond the page.
OVER = """
() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  const over = [...document.body.querySelectorAll("*")].filter(each => {
    const box = each.getBoundingClientRect();
    return box.width > 1 && !each.closest('.hidden-text') && each.localName !== 'use' && (box.right > wide + 1 || box.left < -1);
  });
  const innermost = over.filter(each => ![...each.children].some(child => over.includes(child)));
  return innermost.slice(0, 3).map(each => `<${each.localName} class="${each.className.baseVal ?? each.className}"> ${each.textContent.trim().slice(0, 40)}`)
    .concat(over.length ? [] : [`${document.documentElement.scrollWidth} px`]);
}
"""


# Words of a list that stand in two lines: each is one of our own or a short one, and has room beside the others.
BROKEN = """
() => [...document.querySelectorAll(".ledger tr")].flatMap(row => {
  const broken = [], texts = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].filter(box => box.width).map(box => Math.round(box.top))).size > 1) broken.push(word[0]);
    }
  }
  return broken;
})
"""


_USE = """
() => {
  const of = name => document.querySelector(name).getBoundingClientRect(), main = of('main'), rail = of('.rail');
  const style = getComputedStyle(document.querySelector('main')), start = parseFloat(style.paddingLeft);
  const footer = of('.site-footer');
  return {
    gap: parseFloat(getComputedStyle(document.querySelector('.stack-wide')).rowGap),
    lines: getComputedStyle(document.querySelector('.ledger-lines tbody tr')).display,
    beforeContent: Math.round(main.left - rail.right), afterContent: Math.round(document.documentElement.clientWidth - main.right),
    contentWidth: main.width - 2 * start, contentEnd: Math.round(main.right - start), footerEnd: Math.round(of('.site-footer > a:last-child').right),
    footer: [footer.left, footer.right], besideRail: [rail.right, document.documentElement.clientWidth],
  };
}
"""


_PANEL = """
() => {
  const payee = document.querySelector('.payee bdi').firstChild, at = (from, to) => {
    const range = document.createRange();
    range.setStart(payee, from);
    range.setEnd(payee, to);
    return range.getBoundingClientRect().left;
  };
  const last = [...document.querySelectorAll('.payment-panel dt')].at(-1), method = document.createRange();
  method.selectNodeContents(last.lastChild);
  return {lines: new Set([...method.getClientRects()].map(each => Math.round(each.bottom))).size, start: at(0, 1), end: at(payee.length - 1, payee.length)};
}
"""


def lengthened(value: Any, name: str = "") -> Any:
    """Return an example's page with every text as long as a merchant or customer can make it, and every amount of 15 digits."""
    if isinstance(value, str):
        return _longer(value, name)
    if isinstance(value, int) and not isinstance(value, bool):
        return AMOUNT if value and ("amount" in name or name in AMOUNTS) else value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value,
            **{each.name: lengthened(getattr(value, each.name), each.name) for each in fields(value) if each.init},
        )
    if isinstance(value, FilterChip) and value.kind != "q":
        return value  # A word of ours.
    if isinstance(value, HistoryFilter):
        return replace(value, q=_longer(value.q, "q"))
    if hasattr(value, "_fields"):
        return value._replace(**{each: lengthened(getattr(value, each), each) for each in value._fields})
    if isinstance(value, tuple | list):
        return type(value)(lengthened(each, name) for each in value)
    return value


AMOUNTS = frozenset(
    "total subtotal surplus charge fee credit left rest paid owed balance overdue free least most".split()
)


def _longer(text: str, name: str) -> str:
    if (
        not text
        or name in CODES
        or name == "id"
        or name.endswith(("_id", "url", "href", "path", "kind", "_on", "_at", "currency"))
    ):
        return text
    if "number" in name or "reference" in name:
        return UUID
    if "email" in name or name == "address" or name.endswith("_to"):
        return f"{WORD}@{WORD[:50].lower()}.example"
    return NAME if name in NAMES else text if text.startswith("/") else f"{text} {WORD}"


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTHS[0], "height": 800})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("template", "theme", "locale"), LOOKS)
def test_no_page_scrolls_sideways(request, site, tab, renderer, themes, template, theme, locale):  # noqa: F811
    turn = list(EXAMPLES).index(template) % TURNS
    chosen = tier(EXAMPLES[template][turn::TURNS] or EXAMPLES[template][:1], EXAMPLES[template])

    faults = []
    for name, html in long_pages(renderer, themes, chosen, theme=theme, locale=locale):
        site.html = html
        tab.goto(site.address)
        tab.evaluate(UNFOLD)
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 800})
            faults += [f"{name} at {width} px: {fault}" for fault in tab.evaluate(OVER)]

    assert not faults, "\n".join(faults)


def long_pages(
    renderer: Renderer, themes: ThemeSet, chosen: Iterable[Example], *, theme: str, locale: str
) -> Iterator[tuple[str, str]]:
    """Yield the name and the HTML of each of these examples with all texts as long as they can be; of those that differ in words of ours
    alone one, since these are not what runs over."""
    seen = set()
    for example in chosen:
        shell = example_shell(themes, theme=theme, locale=locale, current=example.current)
        shell = replace(
            shell,
            merchant_name=NAME,
            brand=replace(
                shell.brand, name=NAME, texts={name: f"{text} {WORD}" for name, text in shell.brand.texts.items()}
            ),
            support_email=f"{WORD}@{WORD[:50].lower()}.example",
            customer_name=shell.customer_name and NAME,
            customer_company=shell.customer_company and NAME,
        )
        html = render_example(renderer, replace(example, page=lengthened(example.page)), shell)
        structure = structure_of(html)
        if structure not in seen:
            seen.add(structure)
            yield example.name, html


@pytest.mark.parametrize("name", ["payments", "invoices"])
def test_no_word_of_a_list_is_broken_in_two(site, tab, renderer, themes, name):  # noqa: F811
    example = next(example for example in examples() if example.name == name)
    site.html = render_example(renderer, example, example_shell(themes, theme="acme", locale="fr", current=name))
    tab.goto(site.address)

    broken = {}
    for width in (700, 760, 900, 1024, 1160, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        broken[width] = tab.evaluate(BROKEN)

    assert not any(broken.values()), broken


def test_payment_panel_breaks_no_word_and_keeps_the_direction_of_names(site, tab, renderer, themes):  # noqa: F811
    example = next(example for example in examples() if example.name == "review-credit")
    tab.set_viewport_size({"width": 375, "height": 900})
    seen = {}
    for locale, direction in (("de", "ltr"), ("ar", "rtl")):
        shell = example_shell(themes, theme="acme", locale=locale, current=example.current, direction=direction)
        site.html = render_example(renderer, example, shell)
        tab.goto(site.address)
        seen[locale] = tab.evaluate(_PANEL)

    assert seen["de"]["lines"] == 1  # "Zahlungsmethode".
    assert seen["ar"]["end"] > seen["ar"]["start"]  # The point of "Acme Software Inc." stands at its right end.


def test_price_stands_beside_its_quantity_from_right_to_left(site, tab, renderer, themes):  # noqa: F811
    example = next(example for example in examples() if example.name == "invoice-overdue")
    shell = example_shell(themes, theme="acme", locale="ar", current="invoices", direction="rtl")
    site.html = render_example(renderer, example, shell)
    tab.set_viewport_size({"width": 1440, "height": 900})
    tab.goto(site.address)

    gap = tab.locator(".ledger td > bdi").first.evaluate(
        """price => {
          const text = document.createRange();
          text.selectNodeContents(price);
          return price.getBoundingClientRect().right - text.getBoundingClientRect().right;
        }"""
    )

    assert gap < 1


def test_a_wide_window_is_used_and_a_phone_is_not_wasted(site, tab, renderer, themes):  # noqa: F811
    example = next(example for example in EXAMPLES["invoices/detail.html"] if example.name == "invoice-overdue")
    site.html = render_example(renderer, example, example_shell(themes, theme="acme", locale="en", current="invoices"))
    tab.goto(site.address)

    seen = {}
    for width in (375, 1440, 1920):
        tab.set_viewport_size({"width": width, "height": 900})
        seen[width] = tab.evaluate(_USE)
    phone, desk, wide = seen.values()

    assert phone["gap"] == 32 and desk["gap"] == 48
    assert (phone["lines"], desk["lines"], wide["lines"]) == ("grid", "table-row", "table-row")
    for shown in (desk, wide):
        assert shown["beforeContent"] == shown["afterContent"] and shown["contentWidth"] > 1050
        assert shown["footer"] == shown["besideRail"] and shown["footerEnd"] == shown["contentEnd"]


def test_a_select_shows_that_it_is_one(site, tab, renderer, themes):  # noqa: F811
    chosen = {example.name: example for example in examples()}
    for name in ("choose-telephone", "removal-choice"):
        shell = example_shell(themes, theme="acme", locale="en", current=chosen[name].current)
        site.html = render_example(renderer, chosen[name], shell)
        tab.goto(site.address)

        arrows = tab.locator("select").evaluate_all(
            "all => all.map(each => getComputedStyle(each.parentElement, '::after').borderBottomWidth)"
        )

        assert arrows and "0px" not in arrows, name


def test_examples_are_lengthened_where_people_write(renderer, themes):
    longer = {example.name: lengthened(example.page) for example in examples()}

    texts: Mapping[str, str] = {name: repr(page) for name, page in longer.items()}
    assert all(WORD in texts[name] for name in ("overview", "payments", "methods", "choose", "review-ready"))
    assert str(AMOUNT) in texts["payments"]
