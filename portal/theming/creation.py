"""A new theme's folder, written from one colour and a logo: whole and checked, or not at all."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from portal.errors import PortalError
from portal.theming.derivation import DerivedToken, derive_dark, derive_light
from portal.theming.files import SLUG
from portal.theming.logos import KINDS, find_unfit
from portal.theming.themes import read_themes

WIDE = 2.2
"""A logo that is so many times as wide as it is high has the name in it, as long as nobody says otherwise."""
_SQUARE = (0.8, 1.25)


class CannotCreate(PortalError):
    """A theme that cannot be made; `why` says it, and nothing was written."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo's file, and whether the merchant's name is written in it; None where its shape is to decide."""

    path: Path
    shows_name: bool | None = None


def create_theme(name: str, *, color: str, into: Path, logo: Logo | None = None, folders: Iterable[Path] = ()) -> Path:
    """Make the theme `into/name` of a brand colour (`#rrggbb`) and return its folder. `folders` are those in which themes are searched.

    Raises CannotCreate for a name that is none or is taken, a folder that is there, or a logo that no page may show; and then, as when
    the process dies, `into` is as it was.
    """
    if not SLUG.fullmatch(name):
        raise CannotCreate(f"{name!r} is no name of a theme: small letters, digits and hyphens, a letter first")
    if (into / name).exists():
        raise CannotCreate(f"there is {into / name} already")
    # As it will be found: beside all the others.
    if name in read_themes(folder for folder in folders if folder.is_dir()).drafts:
        raise CannotCreate(f"there is a theme named {name} already")
    picture = _read_logo(logo) if logo else None
    into.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=into))
    try:
        (draft / name).mkdir()
        if picture:
            (draft / name / "static").mkdir()
            shutil.copyfile(picture.path, draft / name / picture.file)
        (draft / name / "theme.toml").write_text(_theme_file(name, color, picture), "utf-8")
        faults = [fault for fault in read_themes([draft]).faults if fault.theme == name]
        if faults:
            raise CannotCreate("; ".join(map(str, faults)))
        (draft / name).rename(into / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return into / name


@dataclass(frozen=True, slots=True)
class _Picture:
    path: Path
    file: str
    shows_name: bool
    is_guess: bool
    is_square: bool


def _read_logo(logo: Logo) -> _Picture:
    path = logo.path
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise CannotCreate(f"{path.name} is no logo of a kind that is known: {', '.join(KINDS)}")
    if not path.is_file():
        raise CannotCreate(f"there is no file {path}")
    unfit = list(find_unfit(path))
    if unfit:
        raise CannotCreate(f"{path.name} {' and '.join(unfit)}")
    ratio = _proportion(path, kind)
    shows_name = ratio is not None and ratio >= WIDE if logo.shows_name is None else logo.shows_name
    is_square = ratio is not None and _SQUARE[0] <= ratio <= _SQUARE[1]
    return _Picture(path, f"static/logo{kind}", shows_name, logo.shows_name is None, is_square)


def _proportion(path: Path, kind: str) -> float | None:
    """The width of a picture by its height; None where it does not say."""
    if kind == ".png":
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        return float(width / height) if height else None
    if kind != ".svg":
        return None
    box = ElementTree.fromstring(path.read_bytes()).get("viewBox", "").replace(",", " ").split()  # noqa: S314  # Checked: no entities.
    try:
        return float(box[2]) / float(box[3])
    except (IndexError, ValueError, ZeroDivisionError):
        return None


def _theme_file(name: str, color: str, picture: _Picture | None) -> str:
    title = name.replace("-", " ").title()
    lines = [
        f"# Made from the colour {color}. Every token below may be changed: `portal theme check {name}` says whether all can still be read.",
        f'name = "{title}"',
        'extends = "base"',
    ]
    if picture:
        lines += ["", "[brand]", f'logo = "{picture.file}"', *_said_of_name(picture)]
        if picture.is_square and picture.file.endswith((".svg", ".png")):
            lines.append(f'favicon = "{picture.file}"')
    lines += ["", "[tokens]", *map(_line, derive_light(color)), "", "[tokens.dark]", *map(_line, derive_dark(color))]
    return "\n".join(lines) + "\n"


def _said_of_name(picture: _Picture) -> list[str]:
    if not picture.shows_name:
        return []
    why = "  # It is as wide as one with the name in it; false writes the name beside it." if picture.is_guess else ""
    return [f"logo_shows_name = true{why}"]


def _line(token: DerivedToken) -> str:
    return f'{token.name} = "{token.value}"{f"  # {token.comment}" if token.comment else ""}'
