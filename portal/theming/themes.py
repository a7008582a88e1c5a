"""Themes as the portal uses them: read from their folders, joined with their parents, checked, compiled; the base stands in for a faulty one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from portal.assets import TEMPLATES, THEMES
from portal.fingerprints import fingerprint
from portal.theming.contrast import find_unreadable
from portal.theming.faults import Fault, did_you_mean, nearest_name
from portal.theming.files import BrandTable, ThemeFile, read_theme
from portal.theming.marks import draw_mark
from portal.theming.overrides import check_overrides
from portal.theming.stylesheet import compile_stylesheet
from portal.theming.tokens import TokenValues, merge_values

BASE = "base"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Theme:
    """One complete theme. Folders are listed own first, then the parents'; paths in public are relative to the static root.

    `mark` is the logo where it can be drawn inline; `logo_path` and `logo_dark_path` are its files.
    """

    slug: str
    name: str
    lineage: tuple[str, ...]
    brand: BrandTable
    values: TokenValues
    texts: Mapping[str, Mapping[str, str]]
    public_paths: Mapping[str, str]
    template_folders: tuple[Path, ...]
    email_folders: tuple[Path, ...]
    static_folder: Path | None
    mark: Markup | None
    logo_path: Path | None = None
    logo_dark_path: Path | None = None

    @property
    def has_templates(self) -> bool:
        """Whether it, or a parent of it, replaces a page or mail of ours."""
        return bool(self.template_folders or self.email_folders)

    @cached_property
    def stylesheet(self) -> str:
        return compile_stylesheet(self.values)

    @cached_property
    def stylesheet_path(self) -> str:
        return f"themes/{self.slug}.{fingerprint(self.stylesheet.encode())}.css"

    def texts_for(self, locale: str) -> dict[str, str]:
        """The theme's words in a locale: its own, then its language's, never another language's."""
        language = locale.replace("_", "-").partition("-")[0]
        return {**self.texts.get(language, {}), **self.texts.get(locale, {})}


@dataclass(frozen=True, slots=True)
class Draft:
    """A theme as it was found, sound or not, and its file."""

    file: ThemeFile
    theme: Theme


@dataclass(frozen=True)
class ThemeSet:
    """All themes that can be used, and what is wrong with the rest. `drafts` are all that were found, those with faults without what is
    wrong in them: to be checked further, never to be served."""

    themes: Mapping[str, Theme]
    faults: tuple[Fault, ...] = field(default=())
    drafts: Mapping[str, Draft] = field(default_factory=dict)

    def get(self, slug: str) -> Theme:
        """The theme, or the base theme where there is none of that name or it has a fault: a page is served in any case."""
        return self.themes.get(slug) or self.themes[BASE]

    def __iter__(self) -> Iterator[Theme]:
        return iter(self.themes.values())


def load_themes(folders: Iterable[Path] = (), *, bundled: Path = THEMES, templates: Path = TEMPLATES) -> ThemeSet:
    """Read the bundled themes and those in the given folders (`PORTAL_THEMES_DIR`); a slug found later replaces none found before.

    Faults are logged as `theme.fault_found` and kept in the set. Raises RuntimeError only when the bundled base theme is broken.
    """
    found = read_themes(folders, bundled=bundled, templates=templates)
    for fault in found.faults:
        _log.error("theme.fault_found", extra={"theme": fault.theme, "place": str(fault)})
    return found


def read_themes(folders: Iterable[Path] = (), *, bundled: Path = THEMES, templates: Path = TEMPLATES) -> ThemeSet:
    """As `load_themes`, for a command that says itself what is wrong."""
    files, faults = _read_all([bundled, *folders])
    faulty = {fault.theme for fault in faults}
    themes: dict[str, Theme] = {}
    drafts: dict[str, Draft] = {}
    for slug, file in files.items():
        lineage, own = _lineage(slug, files)
        chain = [files[name] for name in lineage]
        own += find_unreadable(file, [each.values for each in reversed(chain)])
        own += check_overrides(slug, file.folder / "templates", templates)
        own += check_overrides(slug, file.folder / "emails", templates / "emails")
        faults += own
        drafts[slug] = Draft(file, _join(chain))
        if not own and slug not in faulty:
            themes[slug] = drafts[slug].theme
    faults += _drop_children_of_faulty(themes, files)
    if BASE not in themes:
        raise RuntimeError("the bundled base theme is broken: " + "; ".join(map(str, faults)))
    return ThemeSet(themes, tuple(faults), drafts)


def _read_all(folders: Iterable[Path]) -> tuple[dict[str, ThemeFile], list[Fault]]:
    files: dict[str, ThemeFile] = {}
    faults: list[Fault] = []
    for folder in folders:
        if not folder.is_dir():
            faults.append(Fault("", folder, 0, "there is no such folder", "file"))
            continue
        for path in sorted(folder.glob("*/theme.toml")):
            if path.parent.name in files:
                faults.append(Fault("", path, 0, f"there is a theme named {path.parent.name} already"))
                continue
            found, own = read_theme(path)
            faults += own
            files[found.slug] = found
    return files, faults


def _lineage(slug: str, files: Mapping[str, ThemeFile]) -> tuple[list[str], list[Fault]]:
    """The theme and its parents up to the base, own first; the base alone as the parent where there is a fault."""
    lineage = [slug]
    while lineage[-1] != BASE:
        child = files[lineage[-1]]
        parent = child.extends or BASE
        if parent in lineage or parent not in files:
            nearest = nearest_name(parent, set(files) - {slug})
            why = (
                "a theme cannot extend itself"
                if parent in lineage
                else f"there is no sound theme named {parent}{did_you_mean(nearest)}"
            )
            return [slug, BASE], [Fault(slug, child.path, child.line("extends"), why, "key", nearest)]
        lineage.append(parent)
    return lineage, []


def _drop_children_of_faulty(themes: dict[str, Theme], files: Mapping[str, ThemeFile]) -> list[Fault]:
    faults = []
    for slug, theme in list(themes.items()):
        faulty = next((parent for parent in theme.lineage if parent not in themes and parent != slug), None)
        if faulty is not None:
            faults.append(
                Fault(slug, files[slug].path, files[slug].line("extends"), f"its parent {faulty} has a fault")
            )
    for fault in faults:
        del themes[fault.theme]
    return faults


def _join(files: list[ThemeFile]) -> Theme:
    own = files[0]
    texts: dict[str, dict[str, str]] = {}
    brand: dict[str, Any] = {}
    public: dict[str, str] = {}
    for file in reversed(files):
        for locale, words in file.texts.items():
            texts.setdefault(locale, {}).update(words)
        if file.brand.logo:  # Whether it shows the name is said of this logo, and not of the parent's.
            brand.pop("logo_shows_name", None)
        brand |= {name: value for name, value in file.brand if value}
        public |= {
            name: f"themes/{file.slug}/{value.removeprefix('static/')}" for name, value in file.brand.files().items()
        }
    logo = next((file.folder / file.brand.logo for file in files if file.brand.logo), None)
    logo_dark = next((file.folder / file.brand.logo_dark for file in files if file.brand.logo_dark), None)
    return Theme(
        slug=own.slug,
        name=own.name,
        lineage=tuple(file.slug for file in files),
        brand=BrandTable(**brand),
        values=merge_values([file.values for file in reversed(files)]),
        texts=texts,
        public_paths=public,
        template_folders=_folders(files, "templates"),
        email_folders=_folders(files, "emails"),
        static_folder=own.folder / "static" if (own.folder / "static").is_dir() else None,
        mark=draw_mark(logo.read_bytes()) if logo is not None and logo.suffix == ".svg" else None,
        logo_path=logo,
        logo_dark_path=logo_dark,
    )


def _folders(files: list[ThemeFile], name: str) -> tuple[Path, ...]:
    return tuple(file.folder / name for file in files if (file.folder / name).is_dir())
