"""A folder that all processes of a run share: compiled templates, and parts of pages that are known to be valid."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_NAME = "TESTS_RUN_FOLDER"


def share_run_folder() -> None:
    """Name it in the environment, which every process of this run inherits; made by the process that begins it, which removes it."""
    if _NAME not in os.environ:
        os.environ[_NAME] = tempfile.mkdtemp(prefix="portal-tests-")
        atexit.register(shutil.rmtree, os.environ[_NAME], ignore_errors=True)


def run_folder() -> Path | None:
    """Return the folder; None where nothing is shared."""
    name = os.environ.get(_NAME)
    return Path(name) if name else None
