"""The check of themes behind `portal theme check` and the start-up: everything that is wrong, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.theming.contrast import find_unreadable
from portal.theming.faults import Fault
from portal.theming.files import ThemeFile
from portal.theming.tokens import merge_values


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """One theme in the list of the command line. `sound` themes are worn; the others give way to the base theme."""

    slug: str
    name: str
    lineage: tuple[str, ...]
    sound: bool


def check_themes(folders: Iterable[Path] = (), *, only: str | None = None) -> list[Fault]:
    """All faults of the bundled themes and of those in `folders`, or of one theme; none means that all can be worn."""
    from portal.theming.themes import load_themes

    faults = load_themes(folders).faults
    return [fault for fault in faults if only is None or fault.theme in (only, "")]


def list_themes(folders: Iterable[Path] = ()) -> list[ThemeRow]:
    """All themes found, sound or not, by slug."""
    from portal.theming.themes import load_themes

    loaded = load_themes(folders)
    rows = [ThemeRow(theme.slug, theme.name, theme.lineage, True) for theme in loaded.themes.values()]
    broken = {fault.theme for fault in loaded.faults if fault.theme} - set(loaded.themes)
    return sorted([*rows, *(ThemeRow(slug, slug, (slug,), False) for slug in broken)], key=lambda row: row.slug)


def find_faults(slug: str, lineage: list[str], files: Mapping[str, ThemeFile]) -> list[Fault]:
    """What is unreadable in a theme worn over its parents, at the line that sets it."""
    own = files[slug]
    values = merge_values([files[name].values for name in reversed(lineage)])
    display_name = next(
        (files[name].brand.display_name for name in lineage if files[name].brand.display_name), own.name
    )
    faults = []
    for pair in find_unreadable(values, display_name):
        tables = ("tokens.dark", "tokens") if pair.mode == "dark" else ("tokens",)
        line = own.line(*(f"{table}.{token}" for table in tables for token in pair.tokens), *tables)
        faults.append(Fault(slug, own.path, line, f"{pair.sentence} ({pair.mode})"))
    return faults
