"""From a paper to the bytes of its PDF, by typst; the only module that imports it, at the first paper.

Bounded: a few papers at a time (typst computes without Python's lock, beside the pages), of limited length (`portal.documents.rules`),
with the text as data, the files of the layouts and fonts alone, and no network. The same paper is the same bytes in every process.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal.assets import TEMPLATES
from portal.documents.drawing_apart import draw_apart
from portal.documents.errors import PaperNotSet, PapersBusy, PaperTooLong
from portal.documents.font_files import FOLDER, SWISS_FOLDER
from portal.documents.pdf_metadata import declare_factur_x
from portal.documents.qr_codes import qr_svg, swiss_qr_svg
from portal.documents.rules import MAX_ROWS
from portal.rendering.translations import direction

if TYPE_CHECKING:
    from portal.documents.papers import StoredPaper

LAYOUTS = TEMPLATES / "documents"
_log = logging.getLogger(__name__)
_AT_ONCE = 2
_WAITING = 2
_ARCHIVES = 2
_WAIT_SECONDS = 10.0
_WAIT_IN_ARCHIVE_SECONDS = 60.0
_ROWS_HERE = 400
"""Rows of a paper that is drawn in this process, at most: each takes some 140 KB, which a process never gives back."""
_CACHED_BYTES = 16 * 1024 * 1024
_NOT_COVERED = "could not be displayed"


@dataclass(slots=True)
class Typesetter:
    """Draws papers for one process; thread-safe. `font_folders` are the operator's own, searched after those shipped with us."""

    font_folders: Sequence[Path] = ()
    at_once: int = _AT_ONCE
    waiting: int = _WAITING
    archives: int = _ARCHIVES
    wait_seconds: float = _WAIT_SECONDS
    _places: threading.BoundedSemaphore = field(init=False, repr=False)
    _archives: threading.BoundedSemaphore = field(init=False, repr=False)
    _turns: threading.BoundedSemaphore = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _fonts: dict[tuple[Path, ...], Any] = field(default_factory=dict, init=False, repr=False)
    _drawn: OrderedDict[str, bytes] = field(default_factory=OrderedDict, init=False, repr=False)

    def __post_init__(self) -> None:
        # Who waits holds a thread of the server, so that few may: pages must never wait for papers.
        self._places = threading.BoundedSemaphore(self.at_once + self.waiting)
        self._turns = threading.BoundedSemaphore(self.at_once)
        self._archives = threading.BoundedSemaphore(self.archives)

    def draw(self, paper: StoredPaper) -> bytes:
        """Return the PDF. Raises PapersBusy when others are drawn for too long, PaperNotSet when typst refuses the paper."""
        if (known := self._find(paper.digest)) is not None:
            return known
        with self.place():
            return self._draw_in_turn(paper, self.wait_seconds)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the few places of those who draw and wait, for several papers; raises PapersBusy at once when all are taken."""
        if not self._places.acquire(blocking=False):
            raise PapersBusy
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def archive_place(self) -> Iterator[None]:
        """Hold a place for a ZIP, from its first byte to its last; raises PapersBusy at once.

        It cannot be given back between two papers: the ZIP holds a thread of the server all that time, where the server streams as slowly as
        its reader reads, and places count threads. But ZIPs get only some of the places, so that single papers are drawn beside them.
        """
        if not self._archives.acquire(blocking=False):
            raise PapersBusy
        try:
            with self.place():
                yield
        finally:
            self._archives.release()

    def draw_next(self, paper: StoredPaper) -> bytes:
        """Return one of several PDFs, within `archive_place`. Waits longer: half of a download has been sent already."""
        return self._find(paper.digest) or self._draw_in_turn(paper, _WAIT_IN_ARCHIVE_SECONDS)

    def lacks(self, text: str) -> bool:
        """Return whether some character of a text is in none of the fonts, the operator's included."""
        import typst

        source = b'#set document(title: "t")\n#set text(font: "Noto Sans")\n#sys.inputs.text'
        try:
            typst.compile(
                source, font_paths=self._load_fonts(), format="pdf", pdf_standards="ua-1", sys_inputs={"text": text}
            )
        except typst.TypstError as fault:
            return _NOT_COVERED in str(fault)
        return False

    def _draw_in_turn(self, paper: StoredPaper, wait_seconds: float) -> bytes:
        if not self._turns.acquire(timeout=wait_seconds):
            raise PapersBusy
        try:
            drawn = self._find(paper.digest) or self._compile(paper)
        finally:
            self._turns.release()
        self._keep(paper.digest, drawn)
        return drawn

    def _compile(self, paper: StoredPaper) -> bytes:
        row_count = len(paper.content["rows"])
        if row_count > MAX_ROWS:
            raise PaperTooLong
        if row_count > _ROWS_HERE:
            return draw_apart(paper, (*font_folders_of(paper), *self.font_folders))
        return set_paper(paper, self._load_fonts(font_folders_of(paper)))

    def _load_fonts(self, own: tuple[Path, ...] = ()) -> Any:
        with self._lock:
            if own not in self._fonts:
                self._fonts[own] = load_fonts((*own, *self.font_folders))
            return self._fonts[own]

    def _find(self, digest: str) -> bytes | None:
        with self._lock:
            if digest in self._drawn:
                self._drawn.move_to_end(digest)
            return self._drawn.get(digest)

    def _keep(self, digest: str, drawn: bytes) -> None:
        with self._lock:
            self._drawn[digest] = drawn
            while sum(map(len, self._drawn.values())) > _CACHED_BYTES:
                self._drawn.popitem(last=False)


def set_paper(paper: StoredPaper, fonts: Any) -> bytes:
    """Return the PDF, drawn here and now. Raises PaperNotSet when typst refuses the paper."""
    import typst

    arguments: dict[str, Any] = {
        "input": str(LAYOUTS / f"paper-{paper.layout}.typ"),
        "root": str(LAYOUTS),
        "font_paths": fonts,
        "format": "pdf",
        "timestamp": int(paper.made_at.timestamp()),
        "sys_inputs": _inputs(paper),
    }
    has_e_invoice = bool(paper.content.get("e_invoice"))
    try:
        # PDF/A forbids what typst never writes into a paper, and adds marks and profiles of colours.
        tagged: bytes = typst.compile(**arguments, pdf_standards=["a-3b", "ua-1"] if has_e_invoice else "ua-1")
        return declare_factur_x(tagged) if has_e_invoice else tagged
    except typst.TypstError as fault:
        if _NOT_COVERED not in str(fault):
            _log.error("document.refused", extra={"document": paper.digest, "fault": fault.message[:300]})
            raise PaperNotSet from fault
    # PDF/UA wants a glyph for every character, as PDF/A does. A reader is better served with a box in its place than with no paper; an
    # e-invoice is attached all the same, and the file does not say that it is one of Factur-X, which wants PDF/A.
    _log.warning("document.glyph_missing", extra={"document": paper.digest})
    boxed: bytes = typst.compile(**arguments)
    return boxed


def font_folders_of(paper: StoredPaper) -> tuple[Path, ...]:
    """Return the folders of fonts that a paper needs beside those of all papers."""
    return (SWISS_FOLDER,) if paper.content.get("swiss") else ()


def load_fonts(folders: Sequence[Path]) -> Any:
    """Return the shipped fonts and those of these folders; no other of the machine, so that every machine draws the same."""
    import typst

    paths = [str(folder) for folder in (FOLDER, *folders)]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=paths)


def _inputs(paper: StoredPaper) -> dict[str, str]:
    language, _, region = str(paper.content["locale"]).replace("-", "_").partition("_")
    content = {name: value for name, value in paper.content.items() if not name.startswith("e_invoice")}
    content |= {"language": language, "region": region if len(region) == 2 else None}
    if second := content.get("second_locale"):
        content |= {
            "second_language": second.replace("-", "_").partition("_")[0],
            "second_direction": direction(second),
        }
    brand = asdict(paper.brand)
    picture = base64.b64decode(paper.brand.picture) if paper.brand.picture else b""
    inputs = {"brand": json.dumps(brand | {"picture_bytes": list(picture)}), "paper": json.dumps(content)}
    if paper.content.get("e_invoice"):
        inputs["e_invoice"] = paper.content["e_invoice"]
    box = paper.content.get("box")
    if box and box["qr"]:
        inputs["qr"] = qr_svg(box["qr"])
    if paper.content.get("swiss"):
        inputs["swiss_qr"] = swiss_qr_svg(paper.content["swiss"]["code"])
    return inputs
