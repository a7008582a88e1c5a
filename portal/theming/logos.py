"""Whether a logo may be served from our own origin: its weight, and that nothing in it runs or fetches anything."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

MAX_SVG_BYTES, MAX_PICTURE_BYTES = 64 * 1024, 256 * 1024
KINDS = (".svg", ".png", ".webp")
_RUNS = {"script", "foreignobject", "iframe", "embed", "object", "handler", "listener", "audio", "video"}
_ADDRESSES = {"href", "src", "base", "ping", "action", "formaction", "data"}
_SVG = "{http://www.w3.org/2000/svg}"
_NOTES = (
    "{http://www.inkscape.org/",
    "{http://sodipodi.sourceforge.net/",
    "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}",
    "{http://creativecommons.org/",
    "{http://purl.org/dc/",
    "{http://www.bohemiancoding.com/sketch/",
    "{http://ns.adobe.com/",
)
_OTHER_ENCODING = re.compile(r"""\s*<\?xml[^>]*encoding\s*=\s*["'](?!utf-8["'])""", re.IGNORECASE)
_PNG_HEAD_BYTES = 33
_WITHIN = re.compile(r"#|data:image/(png|jpeg|webp|gif);base64,", re.IGNORECASE)
# A backslash could write any of these another way.
_STYLE_ADDRESS = re.compile(r"""url\(\s*["']?\s*(?!["'#\s])|@import|image-set|image\(|src\(|\\""", re.IGNORECASE)
_STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".webp": b"RIFF", ".ico": b"\x00\x00\x01\x00"}


def find_unfit(path: Path) -> Iterator[str]:
    """What is wrong with a logo or favicon, one sentence each, which goes on after the file's name."""
    source, kind = path.read_bytes(), path.suffix.lower()
    most = MAX_SVG_BYTES if kind == ".svg" else MAX_PICTURE_BYTES
    if len(source) > most:
        yield f"is heavier than {most // 1024} KB ({len(source) // 1024} KB)"
    elif kind == ".svg":
        yield from dict.fromkeys(_unsafe(source))
    elif not _is_picture(kind, source):
        yield f"is not a picture of the kind that {kind} says"


def _is_picture(kind: str, source: bytes) -> bool:
    """Whether a file begins as pictures of its kind do, with a size that is one."""
    if kind == ".webp" and source[8:12] != b"WEBP":
        return False
    if kind == ".png" and (len(source) < _PNG_HEAD_BYTES or not all(struct.unpack(">II", source[16:24]))):
        return False
    return source.startswith(_STARTS[kind])


def _unsafe(source: bytes) -> Iterator[str]:
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or _OTHER_ENCODING.match(text):  # What is read below has to be what a browser reads.
        yield "is not a text in UTF-8"
        return
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):  # Not even read: entities may grow without limit.
        yield "has a document type, which an SVG on a page must not have"
        return
    if "<?xml-stylesheet" in text:
        yield "names a stylesheet, which is a foreign reference"
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  # Small, and without entities.
    except (ElementTree.ParseError, ValueError):
        yield "is not an SVG that can be read"
        return
    if root.tag != f"{_SVG}svg":
        yield "is not an SVG that can be read"
        return
    for element in root.iter():
        yield from _unsafe_element(element)


def _unsafe_element(element: ElementTree.Element) -> Iterator[str]:
    name = element.tag.rpartition("}")[2]
    if element.tag.startswith("{") and not element.tag.startswith(_SVG):
        if not element.tag.startswith(_NOTES):  # What drawing programs note beside the drawing is shown by nobody.
            yield f"has <{name}> of another language than SVG"
        return
    if name.lower() in _RUNS:
        yield f"has <{name}>, which could run or load something"
    if name.lower() == "style" and _STYLE_ADDRESS.search("".join(element.itertext()) + (element.tail or "")):
        yield "has a style that loads from an address"
    for key, value in element.attrib.items():
        yield from _unsafe_attribute(name, key.rpartition("}")[2].lower(), value)


def _unsafe_attribute(element: str, attribute: str, value: str) -> Iterator[str]:
    if attribute.startswith("on"):
        yield f"has the event handler {attribute}"
    elif attribute in _ADDRESSES and not _WITHIN.match(value.strip()):
        yield f"has a foreign reference in <{element}>"
    elif attribute == "attributename" and value.lower().rpartition(":")[2].startswith((*_ADDRESSES, "on")):
        yield f"has <{element}> that changes an address or a handler"
    elif _STYLE_ADDRESS.search(value) and attribute not in _ADDRESSES:
        yield f"has {attribute} that loads from an address"
