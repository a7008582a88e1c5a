"""Draws a long paper in a process of its own, which gives its memory back and can be stopped: `python -m portal.documents.drawing_apart`."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.documents.errors import PaperNotSet
from portal.documents.papers import PaperBrand, StoredPaper

_log = logging.getLogger(__name__)
_SECONDS = 120
_BYTES = 4 * 1024**3


def draw_apart(paper: StoredPaper, font_folders: Sequence[Path]) -> bytes:
    """Return the PDF. Raises PaperNotSet when the process fails, takes two minutes, or more than 4 GB."""
    order = {
        "layout": paper.layout,
        "content": paper.content,
        "brand": asdict(paper.brand),
        "made_at": paper.made_at.isoformat(),
        "digest": paper.digest,
        "fonts": [str(folder) for folder in font_folders],
    }
    # Nothing of this process's environment: it has the secrets.
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        drawn = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            env=environment,
        )
    except (subprocess.SubprocessError, OSError) as fault:
        _log.error("document.not_drawn", extra={"document": paper.digest, "fault": type(fault).__name__})
        raise PaperNotSet from fault
    if b"document.glyph_missing" in drawn.stderr:
        _log.warning("document.glyph_missing", extra={"document": paper.digest})
    return drawn.stdout


def main() -> None:
    """Read a paper from standard input, and write its PDF to standard output."""
    from portal.documents.typesetting import load_fonts, set_paper

    _limit_memory()
    order: dict[str, Any] = json.load(sys.stdin.buffer)
    brand = PaperBrand(**order["brand"] | {"bar": tuple(order["brand"]["bar"])})
    paper = StoredPaper(
        order["layout"], order["content"], brand, datetime.fromisoformat(order["made_at"]), order["digest"]
    )
    sys.stdout.buffer.write(set_paper(paper, load_fonts([Path(folder) for folder in order["fonts"]])))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has none.
        return
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))


if __name__ == "__main__":
    main()
