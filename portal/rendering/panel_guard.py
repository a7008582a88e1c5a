"""Whether a page that a theme drew shows the payment panel as it is: once, ours, in sight, and nothing foreign beside it that could reach it.

Read strictly, so that no browser can understand the page otherwise: each element is ended where it ends, no attribute stands twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.rendering.renderer import Shell

PANEL_PAGES = frozenset({"checkout/review.html", "pay_links/review.html"})
_AROUND = {"html", "body", "div", "main", "section", "article"}
_CLASSES = {"portal", "shell", "alone", "content", "stack", "columns", "narrow"}
_HIDES = {"hidden", "inert", "aria-hidden", "popover", "style"}
_VOID = set("area base br col embed hr img input link meta param source track wbr".split())
# What moves addresses, loads other documents, or lies over the page.
_FOREIGN = {"base", "iframe", "object", "embed", "frame", "frameset", "dialog", "style", "template", "noscript"}
_LINKS = {"stylesheet", "icon"}
_PANEL = re.compile(r'<section class="payment-panel".*?</section>', re.DOTALL)
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")


def shows_panel(template: str, page: object) -> bool:
    """Whether this page has the payment panel: one of the two reviews, while it can be paid."""
    return template in PANEL_PAGES and bool(getattr(getattr(page, "review", page), "is_payable", False))


def find_unguarded(html: str, shell: Shell, ours: str) -> Iterator[str]:
    """What is wrong with a page that has to show the panel; nothing where a customer sees payee, amount and Pay as on every brand.

    `ours` is the same page as our own templates draw it.
    """
    reader = _PanelReader(shell)
    reader.feed(html)
    reader.close()
    if reader.panel_count != 1:
        yield f"shows the payment panel {reader.panel_count} times instead of once"
    elif any(panel not in html for panel in _PANEL.findall(ours)):
        yield "shows another payment panel than that of every brand"
    if reader.primary_count != 1:
        yield f"has {reader.primary_count} main buttons beside a payment panel that has the one"
    yield from dict.fromkeys(reader.faults)


class _PanelReader(HTMLParser):
    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._styles = {shell.brand.stylesheet}
        self._scripts = f"{shell.static}/js/"
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.panel_count = self.primary_count = 0
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if len(attributes) != len(attrs):
            self.faults.append(f"has <{tag}> with an attribute that stands twice")
        if tag in _FOREIGN:
            self.faults.append(f"has <{tag}> beside the payment panel")
        if "payment-panel" in (attributes.get("class") or "").split():
            self.panel_count += 1
            self._check_around()
        self.primary_count += "data-primary" in attributes
        self._check_loaded(tag, attributes)
        if tag not in _VOID:
            self._open.append((tag, attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Browsers leave an element open that closes itself, but within a drawing.
        is_drawn = any(name == "svg" for name, _ in self._open)
        if tag not in _VOID and not is_drawn:
            self.faults.append(f"has <{tag}/>, which browsers leave open")
        self.handle_starttag(tag, attrs)
        if tag not in _VOID and is_drawn:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.faults.append(f"ends <{tag}> where another element is open")
            return
        self._open.pop()

    def _check_loaded(self, tag: str, attributes: dict[str, str | None]) -> None:
        kinds = set((attributes.get("rel") or "").lower().split())
        if tag == "link" and (kinds - _LINKS or ("stylesheet" in kinds and attributes.get("href") not in self._styles)):
            self.faults.append("loads a stylesheet or something else of its own beside the payment panel")
        source = attributes.get("src") or ""
        is_ours = source.startswith(self._scripts) and _SCRIPT_NAME.fullmatch(source.removeprefix(self._scripts))
        if tag == "script" and not is_ours:
            self.faults.append("loads a script of its own beside the payment panel")
        if tag == "meta" and (attributes.get("http-equiv") or "").lower() == "refresh":
            self.faults.append("leads away from the payment panel by itself")

    def _check_around(self) -> None:
        for tag, attributes in self._open:
            if tag not in _AROUND:
                self.faults.append(f"has the payment panel inside of <{tag}>")
            self.faults += [
                f"has the payment panel inside of something {name}" for name in sorted(_HIDES & attributes.keys())
            ]
            if foreign := set((attributes.get("class") or "").split()) - _CLASSES:
                self.faults.append(f"has the payment panel inside of the class {min(foreign)}")
