"""Runs axe on a page in the browser: each of its rules that is on by itself, WCAG 2.2's besides, on every element."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_AXE = Path(__file__).with_name("axe") / "axe.min.js"

# Off by itself until WCAG 2.2 is everywhere; nothing is ever turned off.
_MORE_RULES = ("target-size",)

# A colour that is on its way to another is no colour of the page: what moves comes to rest first, what moves for ever goes on.
_RUN = """
async ([more, only]) => {
  const passing = document.getAnimations().filter(each => each.effect.getComputedTiming().endTime !== Infinity);
  passing.forEach(each => each.finish());
  return await axe.run(document, {
    resultTypes: ["violations"],
    ...(only && {runOnly: [only]}),
    rules: Object.fromEntries(more.map(rule => [rule, {enabled: true}])),
  });
}
"""


def bring_axe(page: Page) -> None:
    """Let the browser keep axe for the pages to come: to send it to each anew takes 30 ms more (measured)."""
    page.add_init_script(f"globalThis.bringAxe = () => {{ {_source()} }}")


def accessibility_faults(page: Page, *, only: str | None = None) -> list[str]:
    """A sentence for each element that breaks a rule, or this rule alone, in the state that the page is in now."""
    # Evaluated and not injected as a script element, which the page's policy would refuse.
    if not page.evaluate("globalThis.bringAxe ? (bringAxe(), true) : false"):
        page.evaluate(_source())
    result: dict[str, Any] = page.evaluate(_RUN, [[] if only else list(_MORE_RULES), only])
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']} at {' '.join(map(str, node['target']))}: {node['html'][:200]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def check_accessibility(page: Page) -> None:
    """Fail with every broken rule on the page."""
    faults = accessibility_faults(page)
    assert not faults, f"{page.url}:\n  " + "\n  ".join(faults)


# --- what of a page axe has not seen yet ---

Part = tuple[object, ...]


def parts_of(html: str) -> frozenset[Part]:
    """What axe judges of a page, without its words: each element with its attributes and all that it stands in, whether there are
    words in it, and how headings follow each other. Of words, addresses and ids only whether there are any."""
    parser = _Parts()
    parser.feed(html)
    return frozenset(parser.found)


class Seen:
    """The parts of the pages that axe has looked at so far, in one brand, scheme and width."""

    def __init__(self) -> None:
        self._parts: set[Part] = set()

    def adds(self, html: str) -> bool:
        """Whether this page has a part that no page before it had; from now on it has been seen."""
        parts = parts_of(html)
        is_new = not parts <= self._parts
        self._parts |= parts
        return is_new


class _Parts(HTMLParser):
    EMPTY = frozenset("area base br col embed hr img input link meta source track wbr".split())
    WORDS = frozenset(
        "action alt aria-describedby aria-label aria-labelledby content datetime for href id placeholder src title value".split()
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: set[Part] = set()
        self._path: list[Part] = []
        self._heading = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, *((name, bool(value) if name in self.WORDS else value) for name, value in attrs))
        self.found.add((*self._path, element))
        if tag not in self.EMPTY:
            self._path.append(element)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdecimal():
            self.found.add(("heading", self._heading, tag))
            self._heading = tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        # An end tag that may be left out ends with the element around it.
        while any(element[0] == tag for element in self._path) and self._path.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.add((*self._path, "words"))


@cache
def _source() -> str:
    return _AXE.read_text(encoding="utf-8") + "; undefined"
