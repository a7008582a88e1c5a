"""What is remembered of templates of themes that failed while a page was rendered, for `/metrics` and the log."""

from __future__ import annotations

import logging
from collections import Counter
from traceback import extract_tb

from portal.theming.themes import Theme

_log = logging.getLogger(__name__)


class PanelOutOfSight(Exception):
    """A page of a theme does not show the payment panel as it is on every brand."""


class Fallbacks:
    """How often ours stood in for a theme's template in this process, by theme and template. Each is logged once."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, theme: Theme, template: str, fault: Exception) -> None:
        """Count a template that failed. The log has the kind of the fault and its place, and no word of a message: it may name a customer."""
        self.counts[theme.slug, template] += 1
        if self.counts[theme.slug, template] == 1:
            reason = str(fault) if isinstance(fault, PanelOutOfSight) else type(fault).__name__
            fields = {"theme": theme.slug, "template": template, "reason": reason, "place": _place(theme, fault)}
            _log.error("theme.template_failed", extra=fields)


def _place(theme: Theme, fault: Exception) -> str:
    """The line in the theme where it failed, "" where that is in none of its templates."""
    folders = [str(folder) for folder in (*theme.template_folders, *theme.email_folders)]
    frames = reversed(extract_tb(fault.__traceback__))
    return next((f"{each.filename}:{each.lineno}" for each in frames if each.filename.startswith(tuple(folders))), "")
