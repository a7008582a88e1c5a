"""Reads a page into a tree, with what is invalid in its HTML. html5lib judges what it has not seen in this run yet, since it takes
most of the time of a test of a page; a page of parts that it found valid is read by a short reader of our own.

A part is what stands directly in one element: its children's tags and whether there are words, under the names of the elements around
it. Of the tags the names of attributes stay and the types of fields, of words and other values nothing; what stands there more than
twice in a row is as it is twice: all that was opened before is closed again. The reader lets only pages
through in which every element is ended where it ends: how a parser goes on within an element is decided by the elements around it, and
by what stood before in the same one, so that pages of valid parts are valid. Of a page that is judged both trees must be equal as well:
else, and where the reader does not know what it sees, html5lib reads every such page.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from html import unescape
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import html5lib

from tests.support.run_folder import run_folder

SVG = "{http://www.w3.org/2000/svg}"
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
# What is in these is read by rules of its own; of `pre` and `textarea` only the line break with which they begin.
_RAW = frozenset("iframe noembed noframes plaintext script style template xmp".split())
_TOKEN = re.compile(r'<!doctype html>|</[a-z][a-z0-9]*>|<[a-zA-Z](?:[^<>"]|"[^"<]*")*>|[^<]+')
_TAG = re.compile(r'<([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][-\w:.]*(?:="[^"<]*"|=[a-z]+)?)*)\s*(/?)>')
_ATTRIBUTE = re.compile(r'\s+([a-zA-Z][-\w:.]*)(?:="([^"<]*)"|=([a-z]+))?')
_USUAL_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#39|#34);")
_UNUSUAL = re.compile("[&\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe-\uffff\U0001fffe-\U0001ffff]")


class ValidParts:
    """Parts of pages that html5lib found valid, as digests; in a file that the workers of a run share, where it has a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "valid-parts" if folder else None
        self._known: set[bytes] = set()
        self._read_bytes = 0

    def holds(self, parts: Iterable[str]) -> bool:
        """Return whether all of them are known here or, as the file has it by now, to another worker."""
        digests = set(map(_digest, parts))
        if not digests <= self._known:
            self._read()
        return digests <= self._known

    def add(self, parts: Iterable[str]) -> None:
        new = set(map(_digest, parts)) - self._known
        self._known |= new
        if self._path:
            with (
                suppress(FileNotFoundError),
                self._path.open("ab", buffering=0) as file,
            ):  # The run may have ended meanwhile.
                file.write(
                    b"".join(new)
                )  # Whole, and behind what others write: one write to a file that is appended to.

    def _read(self) -> None:
        if self._path and self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                found = file.read()
            whole = len(found) - len(found) % _DIGEST_BYTES
            self._known.update(found[at : at + _DIGEST_BYTES] for at in range(0, whole, _DIGEST_BYTES))
            self._read_bytes += whole


@cache
def _digest(part: str) -> bytes:
    return blake2b(part.encode(), digest_size=_DIGEST_BYTES).digest()


_DIGEST_BYTES = 16
_VALID = ValidParts(run_folder())


@lru_cache(maxsize=8)  # A page is checked, and then queried.
def read_page(html: str) -> tuple[Element, list[str]]:
    """The page's root element, and a sentence for each fault of its HTML. HTML elements have no namespace; those of SVG keep theirs."""
    try:
        root, parts = read_simply(html)
    except NotSimple:
        return judge(html)
    if _VALID.holds(parts):
        return root, []
    judged, faults = judge(html)
    if not faults and are_equal(root, judged):
        _VALID.add(parts)
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


def read_simply(html: str) -> tuple[Element, set[str]]:
    """The page's root element and its parts. Raises NotSimple."""
    if _UNUSUAL.search(_USUAL_REFERENCE.sub("", html)):
        raise NotSimple
    reader = _Reader()
    for token in _tokens(html):
        if not token.startswith("<"):
            reader.read_text(token)
        elif token.startswith("</"):
            reader.end(token[2:-1])
        elif token.startswith("<!"):
            reader.read_doctype(token)
        else:
            reader.start(_read_tag(token))
    return reader.finish(), reader.parts


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
    names = " ".join(f"{name}={word or value}" if name == "type" else name for name, value, word in found)
    return _Tag(
        match[1],
        tuple((name, word or unescape(value)) for name, value, word in found),
        bool(match[3]),
        f"<{match[1]} {names}{match[3]}>",
    )


def _shortened(within: list[str]) -> list[str]:
    """Return what stands in an element with no more than two of the same, or of the same two, in a row."""
    kept: list[str] = []
    for each in within:
        kept.append(each)
        if kept[-3:] == [each] * 3:
            kept.pop()
        elif len(kept) > 5 and kept[-2:] == kept[-4:-2] == kept[-6:-4]:
            del kept[-2:]
    return kept


class _Reader:
    """Builds the tree, and keeps the parts beside it. `_within` is what stands so far in each element that is open, the page first."""

    def __init__(self) -> None:
        self.parts: set[str] = set()
        self._builder, self._path, self._in_svg = TreeBuilder(), list[str](), 0
        self._within: list[list[str]] = [[]]
        self._has_head = False

    def start(self, tag: _Tag) -> None:
        is_void = tag.name in _VOID and not self._in_svg
        if tag.is_closed and not is_void and not self._in_svg:
            raise NotSimple
        self._in_svg += tag.name == "svg"
        name = SVG + tag.name if self._in_svg else tag.name
        self._builder.start(name, dict(tag.attributes))
        self._within[-1].append(tag.structure)
        self._path.append(tag.name)
        self._within.append([])
        if is_void or tag.is_closed:
            self._close()

    def read_doctype(self, token: str) -> None:
        self._within[-1].append(token)

    def end(self, name: str) -> None:
        if not self._path or self._path[-1] != name or (len(self._path) <= 2 and name != "head"):
            # What stands behind the body belongs to it: body and html are ended when all has been read.
            if name not in ("body", "html") or len(self._path) > 2:
                raise NotSimple
            self._within[-1].append(f"</{name}>")
            return
        self._has_head = self._has_head or name == "head"
        self._close()

    def read_text(self, text: str) -> None:
        is_blank = not text.strip(" \t\n")
        self._within[-1].append(" " if is_blank else "x")
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
        self._keep_part()
        return self._builder.close()

    def _keep_part(self) -> None:
        self.parts.add(f"{' '.join(self._path)}: {''.join(_shortened(self._within.pop()))}")

    def _close(self) -> None:
        self._keep_part()
        name = self._path.pop()
        self._builder.end(SVG + name if self._in_svg else name)
        self._in_svg -= name == "svg"
