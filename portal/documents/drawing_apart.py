"""Has a long paper drawn in a process of its own (`drawing_process`), which gives its memory back and can be stopped."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from portal.documents.errors import PaperNotSet
from portal.documents.papers import StoredPaper

_log = logging.getLogger(__name__)
_PROCESS = "portal.documents.drawing_process"
_SECONDS = 120


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
            [sys.executable, "-m", _PROCESS],
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
