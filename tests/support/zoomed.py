"""What is lost of a page that somebody enlarged to 400 %: what scrolls both ways, is cut off, covers the window, or cannot be reached."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

ZOOM = 4
ZOOMED: dict[str, Any] = {"viewport": {"width": 1280 // ZOOM, "height": 1024 // ZOOM}, "device_scale_factor": ZOOM}
"""A browser's options: 1280 by 1024 pixels at 400 % (WCAG 1.4.10)."""

MOST_COVERED = 0.5
"""The share of the window that may be covered by what stays while the page scrolls."""

_CONTROLS = "a[href], button, summary, select, textarea, input:not([type=hidden])"
_LOST = """
([controls, mostCovered]) => {
  const faults = [], wide = document.documentElement.clientWidth;
  const name = each => `${each.localName} "${(each.textContent.trim() || each.getAttribute('aria-label') || each.name || '').slice(0, 40)}"`;
  const isShown = each => each.checkVisibility({visibilityProperty: true}) && !each.closest('.hidden-text, .skip-link, [inert]');
  if (document.documentElement.scrollWidth > wide) faults.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);

  for (const each of document.querySelectorAll('details, .not-loaded')) { each.name = ''; each.open = true; each.hidden = false; }
  for (const each of document.body.querySelectorAll('*')) {
    if (!isShown(each) || each.matches('input, select, textarea, svg, svg *')) continue;
    const style = getComputedStyle(each);
    // Whatever hides what runs over, or scrolls sideways, within the one direction of the page.
    if (style.overflowX !== 'visible' && each.scrollWidth > each.clientWidth + 1) faults.push(`${name(each)} shows ${each.clientWidth} of ${each.scrollWidth} pixels`);
    if (['hidden', 'clip'].includes(style.overflowY) && each.clientHeight > 1 && each.scrollHeight > each.clientHeight + 1) faults.push(`${name(each)} shows ${each.clientHeight} of ${each.scrollHeight} pixels of its height`);
  }
  const reach = each => {
    if (!isShown(each)) return;
    each.scrollIntoView({block: 'center', behavior: 'instant'});
    const boxes = [each, ...(each.labels ?? [])].flatMap(part => [...part.getClientRects()]).filter(box => box.width && box.height);
    const isHit = boxes.some(box => {
      const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
      return at && (each.contains(at) || at.contains(each) || [...(each.labels ?? [])].some(label => label.contains(at)));
    });
    if (!isHit) faults.push(`${name(each)} cannot be reached`);
  };
  document.querySelectorAll(controls).forEach(reach);
  // Over the page, one at a time.
  for (const each of document.querySelectorAll('[popover]')) {
    each.showPopover();
    each.querySelectorAll(controls).forEach(reach);
    each.hidePopover();
  }
  window.scrollTo(0, document.documentElement.scrollHeight / 2);
  const staying = [...document.body.querySelectorAll('*')].filter(each => isShown(each) && ['sticky', 'fixed'].includes(getComputedStyle(each).position));
  const covered = staying.map(each => each.getBoundingClientRect()).reduce((sum, box) => sum + Math.max(0, Math.min(box.bottom, innerHeight) - Math.max(box.top, 0)), 0);
  if (covered > mostCovered * innerHeight) faults.push(`${staying.map(name).join(', ')} cover ${Math.round(covered)} of ${innerHeight} pixels`);
  return faults;
}
"""


def zoom_faults(page: Page) -> list[str]:
    """Say what of the shown page is lost; its browser has the options `ZOOMED`. Opens what is folded away."""
    found: list[str] = page.evaluate(_LOST, [_CONTROLS, MOST_COVERED])
    return found
