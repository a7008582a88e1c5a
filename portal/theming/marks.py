"""A brand's mark drawn inside the page, so that it takes the colour of the text beside it: rebuilt from an allow-list, never copied."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markupsafe import Markup, escape

_SPACE = "{http://www.w3.org/2000/svg}"
_SHAPES = {"g", "path", "circle", "ellipse", "rect", "line", "polyline", "polygon"}
_ATTRIBUTES = {
    "d", "cx", "cy", "r", "rx", "ry", "x", "y", "x1", "y1", "x2", "y2", "width", "height", "points", "transform", "fill", "fill-rule",
    "clip-rule", "opacity", "fill-opacity", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-opacity",
}  # fmt: skip
_VALUE = re.compile(r"[A-Za-z0-9#.,()%\s+-]{1,4000}", re.ASCII)
_VIEW_BOX = re.compile(r"0 0 ([0-9]{1,4}(?:\.[0-9]+)?) ([0-9]{1,4}(?:\.[0-9]+)?)", re.ASCII)
_MOST_BYTES = 4096


def draw_mark(source: bytes) -> Markup | None:
    """The drawing as an inline `svg`, or None where it holds anything but plain shapes, or is too large for every page."""
    if len(source) > _MOST_BYTES or b"<!" in source.replace(b"<!--", b""):
        return None
    try:
        root = ElementTree.fromstring(source)  # noqa: S314  # A file of the operator, small and without entities.
    except ElementTree.ParseError:
        return None
    box = _VIEW_BOX.fullmatch(root.get("viewBox", ""))
    shapes = _draw(root)
    if root.tag != f"{_SPACE}svg" or box is None or shapes is None:
        return None
    start = Markup('<svg class="brand-mark" viewBox="{}" width="{}" height="{}" aria-hidden="true">')
    return start.format(box[0], box[1], box[2]) + shapes + Markup("</svg>")


def _draw(parent: ElementTree.Element) -> Markup | None:
    drawn = Markup()
    for element in parent:
        name = element.tag.removeprefix(_SPACE)
        if name in ("title", "desc"):
            continue
        if name not in _SHAPES or not all(
            key in _ATTRIBUTES and _VALUE.fullmatch(value) for key, value in element.attrib.items()
        ):
            return None
        inside = _draw(element)
        if inside is None:
            return None
        attributes = Markup().join(
            Markup(' {}="{}"').format(key, escape(value)) for key, value in element.attrib.items()
        )
        drawn += Markup("<{}{}>{}</{}>").format(name, attributes, inside, name)
    return drawn
