"""Runs axe on a page in the browser: each of its rules that is on by itself, WCAG 2.2's besides, on every element."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_AXE = Path(__file__).with_name("axe") / "axe.min.js"

# Off by itself until WCAG 2.2 is everywhere; nothing is ever turned off.
_MORE_RULES = ("target-size",)

# A colour that is on its way to another is no colour of the page: what moves comes to rest first, what moves for ever goes on.
_RUN = """
async more => {
  const passing = document.getAnimations().filter(each => each.effect.getComputedTiming().endTime !== Infinity);
  passing.forEach(each => each.finish());
  return await axe.run(document, {
    resultTypes: ["violations"],
    rules: Object.fromEntries(more.map(rule => [rule, {enabled: true}])),
  });
}
"""


def bring_axe(page: Page) -> None:
    """Let the browser keep axe for the pages to come: to send it to each anew takes 30 ms more (measured)."""
    page.add_init_script(f"globalThis.bringAxe = () => {{ {_source()} }}")


def accessibility_faults(page: Page) -> list[str]:
    """A sentence for each element that breaks a rule, in the state that the page is in now."""
    # Evaluated and not injected as a script element, which the page's policy would refuse.
    if not page.evaluate("globalThis.bringAxe ? (bringAxe(), true) : false"):
        page.evaluate(_source())
    result: dict[str, Any] = page.evaluate(_RUN, list(_MORE_RULES))
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']} at {' '.join(map(str, node['target']))}: {node['html'][:200]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def check_accessibility(page: Page) -> None:
    """Fail with every broken rule on the page."""
    faults = accessibility_faults(page)
    assert not faults, f"{page.url}:\n  " + "\n  ".join(faults)


@cache
def _source() -> str:
    return _AXE.read_text(encoding="utf-8") + "; undefined"
