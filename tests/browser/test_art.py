"""Art in a real browser: whatever a brand draws, it changes no pixel where text stands, beside the door's words and in the rail."""

from __future__ import annotations

import base64

import pytest

from tests.support.shown_pages import ShownPages

LOUD = "@layer theme{:root{--art:var(--loud);--art-small:var(--loud);--rail-art:var(--loud);--loud:linear-gradient(#f0f,#f0f)}}"
PLAIN = "@layer theme{:root{--art:none;--art-small:none;--rail-art:none}}"

_PLACES_OF_TEXT = """() => {
  const places = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
  while (texts.nextNode()) {
    if (!texts.currentNode.data.trim()) continue;
    range.selectNodeContents(texts.currentNode);
    for (const {left, top, right, bottom} of range.getClientRects()) {
      const x = Math.max(0, Math.floor(left)), y = Math.max(0, Math.floor(top));
      const width = Math.min(innerWidth, Math.ceil(right)) - x, height = Math.min(innerHeight, Math.ceil(bottom)) - y;
      if (width > 0 && height > 0) places.push([x, y, width, height, texts.currentNode.data.trim()]);
    }
  }
  return places;
}"""

# Returns the texts under which the two pictures differ, and how many pixels of the pictures differ at all.
_COMPARE = """async ([one, other, places]) => {
  const [loud, plain] = await Promise.all([one, other].map(async data => {
    const image = new Image();
    image.src = "data:image/png;base64," + data;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    return context;
  }));
  const differing = (x, y, width, height) => {
    const a = new Uint32Array(loud.getImageData(x, y, width, height).data.buffer);
    const b = new Uint32Array(plain.getImageData(x, y, width, height).data.buffer);
    return a.reduce((count, pixel, place) => count + (pixel !== b[place]), 0);
  };
  return {
    touched: places.filter(([x, y, width, height]) => differing(x, y, width, height)).map(place => place[4]),
    drawn: differing(0, 0, loud.canvas.width, loud.canvas.height),
  };
}"""


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize(
    ("example", "width", "height"),
    [
        ("sign-in", 320, 700),
        ("sign-in", 768, 700),
        ("sign-in", 1000, 420),
        ("sign-in", 1280, 900),
        ("overview", 1280, 720),
        ("overview", 1280, 900),
    ],
)
def test_no_text_stands_on_art(page, context, example, width, height, direction):
    page.set_viewport_size({"width": width, "height": height})
    shown = ShownPages(page)
    pictures = []
    for shown.theme_css in (LOUD, PLAIN):
        shown.show(example, theme="savane", locale="fr", direction=direction)
        pictures.append(base64.b64encode(page.screenshot()).decode())
    places = page.evaluate(_PLACES_OF_TEXT)

    found = context.new_page().evaluate(_COMPARE, [*pictures, places])

    assert len(places) > 5
    assert found["touched"] == []
    assert found["drawn"] > 1000  # There is art to stand on.
