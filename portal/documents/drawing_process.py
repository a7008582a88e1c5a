"""The process that draws one long paper: `python -m portal.documents.drawing_process`, by `drawing_apart`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.documents.papers import PaperBrand, StoredPaper
from portal.documents.typesetting import load_fonts, set_paper

_BYTES = 4 * 1024**3


def main() -> None:
    """Read a paper from standard input, and write its PDF to standard output."""
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
