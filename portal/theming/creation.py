"""A new theme's folder, written from one colour or from another tool's tokens, and a logo: whole and checked, or not at all."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from portal.errors import PortalError
from portal.theming.contrast import find_causes
from portal.theming.derivation import DerivedToken, derive_dark, derive_light
from portal.theming.files import SLUG
from portal.theming.imported import Imported
from portal.theming.logos import KINDS, find_unfit
from portal.theming.themes import BASE, read_themes
from portal.theming.tokens import TOKENS, Kind, TokenValues

WIDE = 2.2
"""A logo that is so many times as wide as it is high has the name in it, as long as nobody says otherwise."""
_SQUARE = (0.8, 1.25)
_PRIMARY = "color_primary"
_MOST_MOVES = 6


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


@dataclass(frozen=True, slots=True)
class Created:
    """The folder of a new theme, and a sentence for each colour of another tool that had to move until it could be read."""

    folder: Path
    moved: tuple[str, ...]


def create_theme(
    name: str,
    *,
    color: str | None,
    into: Path,
    logo: Logo | None = None,
    imported: Imported | None = None,
    folders: Iterable[Path] = (),
) -> Created:
    """Make the theme `into/name` of a brand colour (`#rrggbb`), or of the tokens of another tool and what follows from them.

    `color` goes before the primary colour of `imported`; one of them is needed. `folders` are those in which themes are searched.
    Raises CannotCreate for a name that is none or is taken, a folder that is there, a logo that no page may show, tokens without a
    primary colour, or such that cannot be made readable; and then, as when the process dies, no theme is there.
    """
    if not SLUG.fullmatch(name):
        raise CannotCreate(f"{name!r} is no name of a theme: small letters, digits and hyphens, a letter first")
    if (into / name).exists():
        raise CannotCreate(f"there is {into / name} already")
    known = read_themes(folder for folder in folders if folder.is_dir()).drafts
    if name in known:
        raise CannotCreate(f"there is a theme named {name} already")
    picture = _read_logo(logo) if logo else None
    light, dark, moved = _tokens_of(color, imported or Imported(TokenValues()), known[BASE].file.values)
    into.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=into))
    try:
        (draft / name).mkdir()
        if picture:
            (draft / name / "static").mkdir()
            shutil.copyfile(picture.path, draft / name / picture.file)
        (draft / name / "theme.toml").write_text(_theme_file(name, light, dark, picture), "utf-8")
        faults = [fault for fault in read_themes([draft]).faults if fault.theme == name]
        if faults:
            raise CannotCreate("; ".join(fault.sentence for fault in faults))
        (draft / name).rename(into / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Created(into / name, tuple(moved))


def _tokens_of(
    color: str | None, imported: Imported, base: TokenValues
) -> tuple[list[DerivedToken], list[DerivedToken], list[str]]:
    """What follows from the brand's colour, and over it what another tool says; of both what cannot be read is moved."""
    brand = color or imported.values.light.get(_PRIMARY) or imported.values.dark.get(_PRIMARY)
    if brand is None:
        raise CannotCreate("the file names no primary colour: say it with --color")
    tables = {"tokens": _by_name(derive_light(brand)), "tokens.dark": _by_name(derive_dark(brand))}
    for (table, token), source in imported.sources.items():
        value = (imported.values.dark if table == "tokens.dark" else imported.values.light)[token]
        if token != _PRIMARY or color is None:
            tables[table][token] = DerivedToken(token, value, f"from {source}")
    moved = []
    for _ in range(_MOST_MOVES):
        own = TokenValues(*({token.name: token.value for token in table.values()} for table in tables.values()))
        causes = [cause for cause in find_causes(own, [base, own]) if cause.nearest]
        for cause in causes:
            before = tables[cause.table].get(cause.token)
            said = f"{before.comment}; " if before and before.comment else ""
            comment = f"{said}{cause.used} could not be read"
            tables[cause.table][cause.token] = DerivedToken(cause.token, cause.nearest or "", comment)
            if (cause.table, cause.token) in imported.sources:
                moved.append(f"{cause.token} under [{cause.table}]: {cause.used} cannot be read, {cause.nearest} can")
        if not causes:
            break
    return list(tables["tokens"].values()), list(tables["tokens.dark"].values()), moved


def _by_name(tokens: Iterable[DerivedToken]) -> dict[str, DerivedToken]:
    return {token.name: token for token in tokens}


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


def _theme_file(
    name: str, light: Iterable[DerivedToken], dark: Iterable[DerivedToken], picture: _Picture | None
) -> str:
    title = name.replace("-", " ").title()
    lines = [
        f"# Every token below may be changed: `portal theme check {name}` says whether all can still be read.",
        f'name = "{title}"',
        'extends = "base"',
    ]
    if picture:
        lines += ["", "[brand]", f'logo = "{picture.file}"', *_said_of_name(picture)]
        if picture.is_square and picture.file.endswith((".svg", ".png")):
            lines.append(f'favicon = "{picture.file}"')
    lines += ["", "[tokens]", *map(_line, light), "", "[tokens.dark]", *map(_line, dark)]
    return "\n".join(lines) + "\n"


def _said_of_name(picture: _Picture) -> list[str]:
    if not picture.shows_name:
        return []
    why = "  # It is as wide as one with the name in it; false writes the name beside it." if picture.is_guess else ""
    return [f"logo_shows_name = true{why}"]


def _line(token: DerivedToken) -> str:
    value = token.value.replace('"', "")  # The names of fonts need none.
    written = value if TOKENS[token.name] in (Kind.WEIGHT, Kind.LEADING) else f'"{value}"'
    return f"{token.name} = {written}{f'  # {_in_one_line(token.comment)}' if token.comment else ''}"


def _in_one_line(text: str) -> str:
    """A comment with what another tool's file says: nothing in it ends the line."""
    return "".join(character if character.isprintable() else "?" for character in text)
