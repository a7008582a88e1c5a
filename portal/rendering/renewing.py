"""Reading the themes of a running process anew, and the signal that asks for it."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread

from portal.rendering.renderer import Renderer
from portal.theming.themes import ThemeSet, load_themes

_log = logging.getLogger(__name__)


def renew_themes(
    renderer: Renderer, folders: Iterable[Path], *, prepare: Callable[[ThemeSet], None] = lambda _: None
) -> bool:
    """Render in the themes that are on the disk now; `prepare` is called before. Where they cannot be read at all, the present ones stay
    and the log says why. Return whether they were renewed."""
    try:
        themes = load_themes(folders)
        prepare(themes)
    except Exception as fault:  # Whatever a folder may hold: a process that serves goes on with what it has.
        _log.error("themes.reload_failed", extra={"reason": f"{type(fault).__name__}: {fault}"})
        return False
    renderer.replace_themes(themes)
    _log.info("themes.reloaded", extra={"themes": sorted(themes.themes)})
    return True


def call_on_hangup(act: Callable[[], object]) -> None:
    """Let SIGHUP call this function in a thread of its own: reading themes takes a moment, in which a server must answer."""
    signal.signal(signal.SIGHUP, lambda _number, _frame: Thread(target=act, daemon=True).start())
