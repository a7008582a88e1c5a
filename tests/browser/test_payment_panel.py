"""The payment panel is out of every theme's reach: a hostile one changes not one pixel of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.bundled import bundled_themes
from tests.support.shown_pages import ShownPages

_WORST = """
  display: none !important; visibility: hidden !important; opacity: 0 !important; content: "FREE" !important;
  position: fixed !important; inset: -9999px auto auto -9999px !important; float: right !important; z-index: -1 !important;
  inline-size: 0 !important; max-inline-size: 0 !important; min-inline-size: 0 !important; block-size: 0 !important;
  max-block-size: 0 !important; margin: -500px !important; padding: 90px !important; overflow: hidden !important;
  transform: scale(0) !important; scale: 0 !important; translate: 9999px !important; rotate: 90deg !important; zoom: .1 !important;
  filter: blur(9px) !important; clip-path: inset(50%) !important; mask: linear-gradient(#0000, #0000) !important;
  mix-blend-mode: difference !important; color: red !important; background: red !important; border: 9px solid red !important;
  font: 1px/0 fantasy !important; text-indent: -9999px !important; letter-spacing: 99px !important; word-spacing: 99px !important;
  text-transform: uppercase !important; text-decoration: line-through !important; text-align: center !important;
  text-shadow: 0 0 9px red !important; -webkit-text-fill-color: red !important; -webkit-text-security: disc !important;
  direction: rtl !important; unicode-bidi: bidi-override !important; writing-mode: vertical-rl !important;
  white-space: nowrap !important; line-height: 0 !important; gap: 0 !important; order: 9 !important; animation: none !important;
  box-shadow: 0 0 0 99px red !important; outline: 9px solid red !important; pointer-events: none !important;
  columns: 3 !important; content-visibility: hidden !important; contain: strict !important; overflow-wrap: anywhere !important;
"""
_HOSTILE = (
    "@layer theme { .payment-panel, .payment-panel *, .payment-panel *::before, .payment-panel *::after,"
    " .payment-panel::before, .payment-panel::after { "
    + _WORST
    + "--ink: red !important; --paper: red !important; --pay-fill: red !important; --pay-text: red !important; } }"
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_theme_changes_not_one_pixel_of_the_payment_panel(scheme: str, page: Page) -> None:
    shown = ShownPages(page)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    panel = page.locator(".payment-panel")

    shown.open("review-ready")
    sound = panel.screenshot()
    shown.theme_css = bundled_themes().get("acme").stylesheet + _HOSTILE
    shown.open("review-ready")

    assert panel.screenshot() == sound
    page.wait_for_timeout(700)  # Pay takes no press in its first moments.
    assert panel.get_by_role("button").evaluate("button => getComputedStyle(button).pointerEvents") == "auto"
