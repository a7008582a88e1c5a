"""Which state of the theme folders is on the disk: known by names, times and sizes, so that nothing has to be read."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from portal.assets import THEMES
from portal.fingerprints import fingerprint


def version_on_disk(folders: Iterable[Path] = ()) -> str:
    """A text that changes with any file of the bundled themes and of those in `folders`."""
    seen = []
    for folder in (THEMES, *folders):
        for path in sorted(folder.rglob("*")):
            with suppress(
                OSError
            ):  # Removed at this moment, or a link that leads nowhere: nothing that a theme is made of.
                stat = path.stat()
                seen.append(f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}")
    return fingerprint("\n".join(seen).encode())
