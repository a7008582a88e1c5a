"""Whether a logo may be served from our own origin: its weight, and that nothing in it runs or fetches anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

MAX_SVG_BYTES, MAX_PICTURE_BYTES = 64 * 1024, 256 * 1024
KINDS = (".svg", ".png", ".webp")
_RUNS = {"script", "foreignobject", "iframe", "embed", "object", "handler", "listener", "audio", "video"}
_ADDRESSES = {"href", "src", "base"}
_WITHIN = re.compile(r"#|data:image/(png|jpeg|webp|gif);base64,", re.IGNORECASE)
_STYLE_ADDRESS = re.compile(r"""url\(\s*["']?\s*(?!#)|@import""", re.IGNORECASE)
_STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".webp": b"RIFF", ".ico": b"\x00\x00\x01\x00"}


def find_unfit(path: Path) -> Iterator[str]:
    """What is wrong with a logo or favicon, one sentence each, which goes on after the file's name."""
    source = path.read_bytes()
    most = MAX_SVG_BYTES if path.suffix == ".svg" else MAX_PICTURE_BYTES
    if len(source) > most:
        yield f"is heavier than {most // 1024} KB ({len(source) // 1024} KB)"
    elif path.suffix == ".svg":
        yield from dict.fromkeys(_unsafe(source))
    elif not source.startswith(_STARTS[path.suffix]):
        yield f"is not a picture of the kind that {path.suffix} says"


def _unsafe(source: bytes) -> Iterator[str]:
    if re.search(rb"<!(DOCTYPE|ENTITY)", source, re.IGNORECASE):  # Not even read: entities may grow without limit.
        yield "has a document type, which an SVG on a page must not have"
        return
    if b"<?xml-stylesheet" in source:
        yield "names a stylesheet, which is a foreign reference"
    try:
        root = ElementTree.fromstring(source)  # noqa: S314  # Small, and without entities.
    except ElementTree.ParseError:
        yield "is not an SVG that can be read"
        return
    for element in root.iter():
        yield from _unsafe_element(element)


def _unsafe_element(element: ElementTree.Element) -> Iterator[str]:
    name = element.tag.rpartition("}")[2]
    if name.lower() in _RUNS:
        yield f"has <{name}>, which could run or load something"
    if name.lower() == "style" and _STYLE_ADDRESS.search(element.text or ""):
        yield "has a style that loads from an address"
    for key, value in element.attrib.items():
        attribute = key.rpartition("}")[2].lower()
        if attribute.startswith("on"):
            yield f"has the event handler {attribute}"
        elif attribute in _ADDRESSES and not _WITHIN.match(value.strip()):
            yield f"has a foreign reference in <{name}>"
        elif attribute == "attributename" and value.lower().rpartition(":")[2] in _ADDRESSES:
            yield f"has <{name}> that changes an address"
        elif _STYLE_ADDRESS.search(value) and attribute not in _ADDRESSES:
            yield f"has {attribute} that loads from an address"
