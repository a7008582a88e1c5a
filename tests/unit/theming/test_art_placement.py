"""No text stands on art, by construction: the stylesheet draws art in boxes that hold no text and lie beside what does.

Such a box is a `::before` or `::after` without words, in the flow, so that it moves over nothing. Whoever draws anywhere else makes this
fail; tests/browser/test_art.py looks at the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tinycss2

STYLES = sorted(Path("static/css").glob("*.css"))
ART = {"--art", "--art-small", "--rail-art"}
IMAGES = ("gradient", "url", "image", "image-set", "cross-fade", "element", "paint")
# Nothing of these takes a box out of the flow or lets it reach over another.
HARMLESS = {"content", "flex", "align-self", "background", "mask", "scale"}


def test_the_stylesheet_draws_art_where_no_text_can_stand():
    css = "\n".join(path.read_text("utf-8") for path in STYLES)

    assert list(placement_faults(css)) == []
    assert {selector for selector, _ in rules(tinycss2.parse_stylesheet(css)) if selector.endswith("::after")} >= {
        ".nav::after",
        ".door-brand::after",
    }


@pytest.mark.parametrize(
    ("css", "fault"),
    [
        (".door-brand { background: var(--art); color: red }", ".door-brand draws"),
        (".a { .b & { background: no-repeat linear-gradient(#fff, #000) } }", ".b .a draws"),
        ("@container x (inline-size > 1rem) { .a { background: url(x.png) } }", ".a draws"),
        (".a::after, .b { background: var(--rail-art) }", ".b draws"),
        ('.a::after { content: "New"; background: var(--art) }', ".a::after has words"),
        ('.a::after { content: ""; background: var(--art-small) } .a::after { position: absolute }', ".a::after has position"),
        ('.a { &::before { content: ""; background: var(--art); margin-block-start: -1rem } }', ".a::before has margin-block-start"),
        (":root { --picture: var(--art) }", ":root draws"),
    ],
)  # fmt: skip
def test_art_under_text_is_found(css, fault):
    assert fault in list(placement_faults(css))


def placement_faults(css: str) -> Iterator[str]:
    """What in a stylesheet could put text on art."""
    found = list(rules(tinycss2.parse_stylesheet(css)))
    drawing = {selector for selector, declarations in found if any(draws(d) for d in declarations)}
    for selector in sorted(drawing):
        if not selector.endswith(("::before", "::after")):
            yield f"{selector} draws"
    for selector, declarations in found:
        if not selector.endswith(tuple(drawing)):
            continue
        for declaration in declarations:
            if declaration.name == "content" and words(declaration):
                yield f"{selector} has words"
            elif selector.endswith(("::before", "::after")) and declaration.name not in HARMLESS:
                yield f"{selector} has {declaration.name}"


def rules(nodes: Any, parents: tuple[str, ...] = ()) -> Iterator[tuple[str, list[Any]]]:
    """Each selector of a stylesheet, nested ones written out, with its own declarations."""
    own = [node for node in nodes if node.type == "declaration"]
    if own:
        for parent in parents:
            yield parent, own
    for node in nodes:
        if node.type not in ("qualified-rule", "at-rule") or not node.content:
            continue
        inside = tinycss2.parse_blocks_contents(node.content)
        if node.type == "at-rule":
            yield from rules(inside, parents)
        else:
            yield from rules(inside, tuple(selectors(node.prelude, parents)))


def selectors(prelude: Any, parents: tuple[str, ...]) -> Iterator[str]:
    parts: list[list[Any]] = [[]]
    for node in prelude:
        parts.append([]) if node == "," else parts[-1].append(node)
    for part in parts:
        text = tinycss2.serialize(part).strip()
        for parent in parents or ("",):
            yield text.replace("&", parent) if "&" in text else f"{parent} {text}".strip()


def draws(declaration: Any) -> bool:
    """Whether it paints art, or any image, or gives art another name. A mask paints nothing."""
    return declaration.name != "mask" and any(
        (node.type == "ident" and node.value in ART)
        or node.type == "url"
        or (node.type == "function" and node.lower_name.endswith(IMAGES))
        for node in flat(declaration.value)
    )


def words(declaration: Any) -> bool:
    return any(node.type != "whitespace" and getattr(node, "value", None) != "" for node in declaration.value)


def flat(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        yield from flat(getattr(node, "arguments", None) or getattr(node, "content", None) or ())
