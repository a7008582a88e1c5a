"""The themes of a process and the static files that belong to them, renewed together while it runs.

In the demo a change on the disk is seen within a second. Elsewhere a process renews its themes when it is told to (SIGHUP), or when it is
asked for a static file of a version that it does not know (another process is ahead of it), or for a theme that it does not know.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from portal.rendering.renderer import Brand, Renderer
from portal.rendering.renewing import renew_themes
from portal.theming.themes import ThemeSet
from portal.theming.versions import version_on_disk
from portal.web.static_files import StaticFiles, build_static_files, register_static_files

if TYPE_CHECKING:
    from flask import Flask

_LOOK_EVERY_SECONDS = 1.0
_MOST_VERSIONS = 8


@dataclass(frozen=True, slots=True)
class Look:
    """Themes and the static files made of them; a page takes both from one look. `brands` caches those of merchants."""

    themes: ThemeSet
    static_files: StaticFiles
    brands: dict[tuple[str, str, str, str], Brand] = field(default_factory=dict)


class LiveThemes:
    """The look of an application. `folders` are those of `PORTAL_THEMES_DIR`; `is_watched`: the disk is looked at for each page."""

    def __init__(
        self,
        renderer: Renderer,
        folders: Iterable[Path] = (),
        *,
        is_watched: bool = False,
    ) -> None:
        self._renderer = renderer
        self._folders = tuple(folders)
        self._is_watched = is_watched
        self._version = version_on_disk(self._folders)
        self._looked_at = time.monotonic()
        self._lock = Lock()
        self._look = Look(renderer.themes, build_static_files(renderer.themes))
        self._versions = {self._look.static_files.digest: self._look.static_files}

    @property
    def look(self) -> Look:
        """What pages are made with now."""
        if self._is_watched:
            self.renew_if_changed()
        # Portals in one process share a renderer: another one's may have renewed the themes.
        return self._look if self._look.themes is self._renderer.themes else self._follow()

    def look_with(self, theme: str) -> Look:
        """What pages of a merchant with this theme are made with; where the process does not know it, it may have come since the start."""
        if theme not in self._look.themes.themes:
            self.renew_if_changed()
        return self.look

    def reload(self) -> None:
        """Read the themes anew. What is on the disk being unusable as a whole, the present ones stay, and the log says why."""
        with self._lock:
            self._reload()

    def renew_if_changed(self) -> None:
        """Read the themes anew where the disk has changed; looks at it once a second at most, in one thread at a time."""
        if time.monotonic() - self._looked_at < _LOOK_EVERY_SECONDS or not self._lock.acquire(blocking=False):
            return
        try:
            self._looked_at = time.monotonic()
            if version_on_disk(self._folders) != self._version:
                self._reload()
        finally:
            self._lock.release()

    def find_files(self, digest: str) -> StaticFiles | None:
        """The static files of a version: of this process now or a little earlier, or of one that is ahead; None of any other."""
        if digest not in self._versions:
            self.renew_if_changed()
            self._follow()
        return self._versions.get(digest)

    def register(self, app: Flask) -> None:
        """Add the public routes of the static files to an application that has no static folder of its own."""
        register_static_files(app, self.find_files, lambda: self.look.static_files)

    def _reload(self) -> None:
        version = version_on_disk(self._folders)  # Before they are read: what changes meanwhile is seen the next time.
        if renew_themes(
            self._renderer, self._folders, prepare=lambda themes: self._take(Look(themes, build_static_files(themes)))
        ):
            self._version = version

    def _follow(self) -> Look:
        with self._lock:
            if self._look.themes is not self._renderer.themes:
                self._take(Look(self._renderer.themes, build_static_files(self._renderer.themes)))
            return self._look

    def _take(self, look: Look) -> None:
        # The present one last, also one that was there before: the oldest go first.
        known = {digest: files for digest, files in self._versions.items() if digest != look.static_files.digest}
        versions = {**known, look.static_files.digest: look.static_files}
        self._versions = dict(list(versions.items())[-_MOST_VERSIONS:])
        self._look = look
