"""What a finger and a keyboard need of a page that a browser shows: targets that can be hit, one ring around what has the focus."""

from __future__ import annotations

from playwright.sync_api import Page

TARGET_PIXELS = 44
"""The least side of a target. Links within a sentence are excepted, as WCAG 2.5.8 excepts them."""

# What is folded away is opened: it can be, and is a target then.
UNFOLD = """
() => {
  for (const each of document.querySelectorAll('details')) { each.name = ''; each.open = true; }
  for (const each of document.querySelectorAll('[popover]')) each.showPopover();
}
"""
_CONTROLS = "a[href], button, summary, select, textarea, input:not([type=hidden])"
# A label is hit as well as its field, and of a row's link the whole row; half a pixel is rounding.
_SMALL_TARGETS = """
([controls, least]) => [...document.querySelectorAll(controls)].flatMap(each => {
  const words = [...each.parentElement.childNodes].some(node => node.nodeType === 3 && /\\p{L}{2}/u.test(node.data));
  const style = getComputedStyle(each), over = getComputedStyle(each, '::after');
  if (each.matches('.skip-link') || (each.localName === 'a' && style.display === 'inline' && words)) return [];
  const hit = [each, ...(each.labels ?? [])];
  if (over.content !== 'none' && over.position === 'absolute' && over.inset === '0px') hit.push(each.closest('tr, li'));
  const boxes = hit.map(part => part.getBoundingClientRect());
  const wide = Math.max(...boxes.map(box => box.width)), high = Math.max(...boxes.map(box => box.height));
  return !high || Math.min(wide, high) > least - .5 ? []
    : [`${each.localName} "${each.textContent.trim().slice(0, 30)}" is ${Math.round(wide)} by ${Math.round(high)} pixels`];
})
"""
# Rings are outlines: the element's own, those of what lies over it and around it. A field's border beside its ring looks like another.
_RINGS = """
controls => {
  const has = (element, part) => {
    const style = getComputedStyle(element, part);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 && (!part || style.content !== 'none');
  };
  return [...document.querySelectorAll(controls)].flatMap(each => {
    each.focus();
    if (document.activeElement !== each) return [];
    let rings = has(each) + has(each, '::after');
    for (let around = each.parentElement; around; around = around.parentElement) rings += has(around);
    const style = getComputedStyle(each), border = parseFloat(style.borderTopWidth);
    if (each.matches('.input') && border && parseFloat(style.outlineOffset) > -border) rings += 1;
    return rings === 1 ? [] : [`${each.localName} "${each.textContent.trim().slice(0, 30)}" ${each.name ?? ''} has ${rings} focus rings`];
  });
}
"""


def operating_faults(page: Page) -> list[str]:
    """Say which targets of the shown page are too small, and what has no focus ring or two. Opens what is folded away."""
    page.evaluate(UNFOLD)
    small = page.evaluate(_SMALL_TARGETS, [_CONTROLS, TARGET_PIXELS])
    page.keyboard.press("Tab")  # A ring is for those who use the keyboard.
    rings = page.evaluate(_RINGS, _CONTROLS)
    return [*small, *rings]
