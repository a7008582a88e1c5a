"""Whether a page that a theme drew shows the payment panel as it is: once, in sight, and nothing foreign beside it that could reach it."""

from __future__ import annotations

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


def shows_panel(template: str, page: object) -> bool:
    """Whether this page has the payment panel: one of the two reviews, while it can be paid."""
    return template in PANEL_PAGES and bool(getattr(getattr(page, "review", page), "is_payable", False))


def find_unguarded(html: str, shell: Shell) -> Iterator[str]:
    """What is wrong with a page that has to show the panel; nothing where a customer sees payee, amount and Pay as on every brand."""
    reader = _PanelReader(shell)
    reader.feed(html)
    reader.close()
    if reader.panel_count != 1:
        yield f"shows the payment panel {reader.panel_count} times instead of once"
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
        if "payment-panel" in (attributes.get("class") or "").split():
            self.panel_count += 1
            self._check_around()
        self.primary_count += "data-primary" in attributes
        if (
            tag == "link"
            and "stylesheet" in (attributes.get("rel") or "")
            and attributes.get("href") not in self._styles
        ):
            self.faults.append("loads a stylesheet of its own beside the payment panel")
        if tag == "script" and not (attributes.get("src") or "").startswith(self._scripts):
            self.faults.append("loads a script of its own beside the payment panel")
        if tag not in _VOID:
            self._open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        names = [name for name, _ in self._open]
        if tag in names:
            del self._open[len(names) - 1 - names[::-1].index(tag) :]

    def _check_around(self) -> None:
        for tag, attributes in self._open:
            if tag not in _AROUND:
                self.faults.append(f"has the payment panel inside of <{tag}>")
            self.faults += [
                f"has the payment panel inside of something {name}" for name in sorted(_HIDES & attributes.keys())
            ]
            if foreign := set((attributes.get("class") or "").split()) - _CLASSES:
                self.faults.append(f"has the payment panel inside of the class {min(foreign)}")
