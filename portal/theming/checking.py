"""What makes that a theme cannot be used, as the start-up sees it, and the list of themes. `portal theme check` looks further: `portal/theme_check`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from portal.theming.faults import Fault
from portal.theming.themes import read_themes


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """One theme in the list of the command line. `sound` themes are used; the base theme stands in for the others."""

    slug: str
    name: str
    lineage: tuple[str, ...]
    sound: bool


def check_themes(folders: Iterable[Path] = (), *, only: str | None = None) -> list[Fault]:
    """Why the bundled themes and those in `folders`, or one of them, cannot be used; none means that all can be."""
    faults = read_themes(folders).faults
    return [fault for fault in faults if only is None or fault.theme in (only, "")]


def list_themes(folders: Iterable[Path] = ()) -> list[ThemeRow]:
    """All themes found, sound or not, by slug."""
    loaded = read_themes(folders)
    rows = [ThemeRow(theme.slug, theme.name, theme.lineage, True) for theme in loaded.themes.values()]
    broken = {fault.theme for fault in loaded.faults if fault.theme} - set(loaded.themes)
    return sorted([*rows, *(ThemeRow(slug, slug, (slug,), False) for slug in broken)], key=lambda row: row.slug)
