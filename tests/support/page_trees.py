"""Reads a page into a tree, with what is invalid in its HTML. html5lib judges each structure once a run, since it takes most of the time
of a test of a page; further pages of a structure that it found valid are read by a short reader of our own.

The structure of a page is its text without what is written into it: words count as one letter, values of attributes as none. Markup,
the names of attributes and the types of fields stay, so that pages of one structure are valid or invalid together. Of a structure that
is judged both trees must be equal as well: else, and where the reader does not know what it sees, html5lib reads every such page.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import html5lib

SVG = "{http://www.w3.org/2000/svg}"
_FOLDER = "TESTS_JUDGED_PAGES"
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
# What is in these is read by rules of its own; of `pre` and `textarea` only the line break with which they begin.
_RAW = frozenset("iframe noembed noframes plaintext script style template xmp".split())
_TOKEN = re.compile(r'<!doctype html>|</[a-z][a-z0-9]*>|<[a-zA-Z](?:[^<>"]|"[^"<]*")*>|[^<]+')
_TAG = re.compile(r'<([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][-\w:.]*(?:="[^"<]*")?)*)\s*(/?)>')
_ATTRIBUTE = re.compile(r'\s+([a-zA-Z][-\w:.]*)(?:="([^"<]*)")?')
_USUAL_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#39|#34);")
_UNUSUAL = re.compile("[&\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe-\uffff\U0001fffe-\U0001ffff]")


def share_judgements() -> None:
    """Name a folder for valid structures in the environment, which every process of this run inherits; made by the one that begins it."""
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="portal-pages-")
        atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)


@lru_cache(maxsize=8)  # A page is checked, and then queried.
def read_page(html: str) -> tuple[Element, list[str]]:
    """The page's root element, and a sentence for each fault of its HTML. HTML elements have no namespace; those of SVG keep theirs."""
    try:
        root, structure = read_simply(html)
    except NotSimple:
        return judge(html)
    if _is_valid(structure):
        return root, []
    judged, faults = judge(html)
    if not faults and are_equal(root, judged):
        _keep(structure)
    return judged, faults


def judge(html: str) -> tuple[Element, list[str]]:
    """The same, by html5lib alone."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The parser is older than some of Python's deprecations.
        root: Element = parser.parse(html)
    lines = html.splitlines()
    return root, [
        f"invalid HTML, line {line}: {code} {details} in {lines[line - 1].strip()[:160]!r}"
        if line <= len(lines)
        else f"invalid HTML: {code}"
        for (line, _column), code, details in parser.errors
    ]


def are_equal(one: Element, other: Element) -> bool:
    """Whether two trees have the same elements, attributes and words in the same places."""
    return (
        (one.tag, one.attrib, one.text or "", one.tail or "", len(one))
        == (other.tag, other.attrib, other.text or "", other.tail or "", len(other))
    ) and all(map(are_equal, one, other))


# --- the reader: each element is ended where it ends, and nothing has to be guessed ---


class NotSimple(Exception):
    """The page has something that the reader leaves to html5lib."""


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    attributes: tuple[tuple[str, str], ...]
    is_closed: bool
    structure: str


def read_simply(html: str) -> tuple[Element, str]:
    """The page's root element and its structure. Raises NotSimple."""
    if _UNUSUAL.search(_USUAL_REFERENCE.sub("", html)):
        raise NotSimple
    reader = _Reader()
    for token in _tokens(html):
        if not token.startswith("<"):
            reader.read_text(token)
        elif token.startswith("</"):
            reader.end(token[2:-1])
            reader.structure.append(token)
        elif token.startswith("<!"):
            reader.structure.append(token)
        else:
            tag = _read_tag(token)
            reader.start(tag)
            reader.structure.append(tag.structure)
    return reader.finish(), "".join(reader.structure)


def _tokens(html: str) -> Iterator[str]:
    position = 0
    for match in _TOKEN.finditer(html):
        if match.start() != position:
            raise NotSimple
        position = match.end()
        yield match[0]
    if position != len(html):
        raise NotSimple


@lru_cache(maxsize=4096)  # Most tags of a page are those of every page.
def _read_tag(text: str) -> _Tag:
    match = _TAG.fullmatch(text)
    if match is None:
        raise NotSimple
    found = _ATTRIBUTE.findall(match[2])
    names = " ".join(f"{name}={value}" if name == "type" else name for name, value in found)
    return _Tag(
        match[1],
        tuple((name, unescape(value)) for name, value in found),
        bool(match[3]),
        f"<{match[1]} {names}{match[3]}>",
    )


class _Reader:
    """Builds the tree, and keeps the structure beside it."""

    def __init__(self) -> None:
        self.structure: list[str] = []
        self._builder, self._path, self._in_svg = TreeBuilder(), list[str](), 0
        self._has_head = False

    def start(self, tag: _Tag) -> None:
        is_void = tag.name in _VOID and not self._in_svg
        if tag.is_closed and not is_void and not self._in_svg:
            raise NotSimple
        self._in_svg += tag.name == "svg"
        name = SVG + tag.name if self._in_svg else tag.name
        self._builder.start(name, dict(tag.attributes))
        self._path.append(tag.name)
        if is_void or tag.is_closed:
            self._close()

    def end(self, name: str) -> None:
        if not self._path or self._path[-1] != name or (len(self._path) <= 2 and name != "head"):
            # What stands behind the body belongs to it: body and html are ended when all has been read.
            if name not in ("body", "html") or len(self._path) > 2:
                raise NotSimple
            return
        self._has_head = self._has_head or name == "head"
        self._close()

    def read_text(self, text: str) -> None:
        is_blank = not text.strip(" \t\n")
        self.structure.append(" " if is_blank else "x")
        place = self._path[-1] if self._path else ""
        if (
            (place in ("", "html") and not is_blank)
            or place in _RAW
            or (place in ("pre", "textarea") and text[0] == "\n")
        ):
            raise NotSimple
        if place and (place != "html" or self._has_head):
            self._builder.data(unescape(text))

    def finish(self) -> Element:
        if self._path != ["html", "body"]:
            raise NotSimple
        while self._path:
            self._close()
        return self._builder.close()

    def _close(self) -> None:
        name = self._path.pop()
        self._builder.end(SVG + name if self._in_svg else name)
        self._in_svg -= name == "svg"


# --- structures that were found valid ---

_VALID: set[str] = set()


def _is_valid(structure: str) -> bool:
    name = _name(structure)
    folder = os.environ.get(_FOLDER)
    if name not in _VALID and folder and (Path(folder) / name).exists():
        _VALID.add(name)
    return name in _VALID


def _keep(structure: str) -> None:
    _VALID.add(_name(structure))
    if (folder := os.environ.get(_FOLDER)) and Path(folder).is_dir():
        (Path(folder) / _name(structure)).touch()


def _name(structure: str) -> str:
    return hashlib.blake2b(structure.encode(), digest_size=20).hexdigest()
