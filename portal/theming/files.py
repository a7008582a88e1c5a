"""One `theme.toml`: its shape, and where in it a fault stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from portal.theming.faults import Fault, did_you_mean, nearest_name
from portal.theming.logos import find_unfit
from portal.theming.tokens import TOKENS, Kind, TokenValues, clean_value

SLUG = re.compile(r"[a-z][a-z0-9-]{0,40}", re.ASCII)
_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")
_FILE = r"^static/[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*\.(svg|png|webp|ico)$"
_TOKEN_WORDS = dict.fromkeys(("color", "colour", "brand_color", "brand_colour", "primary_colour"), "color_primary")
_ADDRESS = re.compile(r"https://[^\s\"'<>]{1,300}|/[^\s/\"'<>][^\s\"'<>]{0,300}")

_Text = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
_Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BrandTable(_Strict):
    """The `[brand]` table; everything may be left out. Files are under the theme's `static/`.

    `logo_shows_name`: the merchant's name is written in the logo, and no page writes it beside it again.
    """

    display_name: _Text = ""
    logo: str = Field(default="", pattern=f"{_FILE}|^$")
    logo_dark: str = Field(default="", pattern=f"{_FILE}|^$")
    logo_shows_name: bool = False
    favicon: str = Field(default="", pattern=f"{_FILE}|^$")
    support_email: str = Field(default="", pattern=r"^[^\s@,;<>\"]+@[^\s@,;<>\"]+\.[^\s@,;<>\"]+$|^$")
    support_url: str = ""
    privacy_url: str = ""
    terms_url: str = ""

    @field_validator("support_url", "privacy_url", "terms_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError("must begin with https:// or be a path on this origin")
        return value

    def files(self) -> dict[str, str]:
        """The files it names, by field."""
        return {name: value for name in ("logo", "logo_dark", "favicon") if (value := getattr(self, name))}


class _Shape(_Strict):
    name: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]
    extends: str | None = None
    brand: BrandTable = BrandTable()
    tokens: dict[str, Any] = {}
    texts: dict[_Locale, dict[_Name, _Text]] = {}


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A theme's file, read by itself; its parents are not known here."""

    slug: str
    path: Path
    name: str
    extends: str | None
    brand: BrandTable
    values: TokenValues
    texts: Mapping[str, Mapping[str, str]]
    lines: Mapping[str, int]

    @property
    def folder(self) -> Path:
        return self.path.parent

    def line(self, *keys: str) -> int:
        """The line of the first of these keys (`tokens.color_text`) that the file has; 0 where it has none."""
        return next((self.lines[key] for key in keys if key in self.lines), 0)


def read_theme(path: Path) -> tuple[ThemeFile, list[Fault]]:
    """Read one file, and say all that is wrong with it. With faults the first value has what can be used of it, for further checks alone."""
    slug = path.parent.name
    faults = []
    if not SLUG.fullmatch(slug):
        faults.append(Fault(slug, path, 0, "the folder's name is not made of small letters, digits and hyphens"))
    try:
        text = path.read_text("utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError:
        return _blank(slug, path), [*faults, Fault(slug, path, 0, "is not a text in UTF-8", "toml")]
    except (OSError, RecursionError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is nested too deeply"
        return _blank(slug, path), [*faults, Fault(slug, path, 0, f"cannot be read: {why}", "toml")]
    except ValueError as fault:  # TOMLDecodeError, or a number of thousands of digits.
        at = re.search(r"line (\d+)", str(fault))
        return _blank(slug, path), [
            *faults,
            Fault(slug, path, int(at[1]) if at else 0, f"is not TOML: {fault}", "toml"),
        ]
    lines = _lines(text)
    shape, own = _read_shape(slug, path, lines, table)
    values, token_faults = _read_tokens(slug, path, lines, shape.tokens)
    brand, file_faults = _read_files(slug, path, lines, shape.brand)
    found = ThemeFile(slug, path, shape.name, shape.extends, brand, values, shape.texts, lines)
    return found, [*faults, *own, *token_faults, *file_faults]


def _blank(slug: str, path: Path) -> ThemeFile:
    return ThemeFile(slug, path, slug, None, BrandTable(), TokenValues(), {}, {})


def _read_shape(slug: str, path: Path, lines: Mapping[str, int], table: dict[str, Any]) -> tuple[_Shape, list[Fault]]:
    """The tables without what is wrong in them, and what that is."""
    try:
        return _Shape.model_validate(table), []
    except ValidationError as fault:
        errors = fault.errors(include_url=False)
    rest = deepcopy(table)
    for error in errors:
        _take_out(rest, [part for part in error["loc"] if part != "[key]"])
    faults = [_shape_fault(slug, path, lines, error) for error in errors]
    return _Shape.model_validate({"name": slug, **rest}), faults


def _take_out(table: dict[str, Any], place: list[Any]) -> None:
    for part in place[:-1]:
        table = table.get(part, {})
    table.pop(place[-1], None)


def _read_files(slug: str, path: Path, lines: Mapping[str, int], brand: BrandTable) -> tuple[BrandTable, list[Fault]]:
    """The brand without the files that are missing or unfit."""
    faults = []
    for field, file in brand.files().items():
        if not (path.parent / file).is_file():
            wrong = [("file", f"there is no file {file}")]
        else:
            wrong = [("logo", f"{file} {sentence}") for sentence in find_unfit(path.parent / file)]
        line = lines.get(f"brand.{field}", 0)
        faults += [Fault(slug, path, line, f"{field}: {sentence}", kind) for kind, sentence in wrong]
        if wrong:
            brand = brand.model_copy(update={field: ""})
    return brand, faults


def _read_tokens(
    slug: str, path: Path, lines: Mapping[str, int], table: dict[str, Any]
) -> tuple[TokenValues, list[Fault]]:
    light = {name: value for name, value in table.items() if name != "dark"}
    dark = table.get("dark", {})
    clean: dict[str, dict[str, str]] = {"tokens": {}, "tokens.dark": {}}
    faults = []
    if not isinstance(dark, dict):
        dark = {}
        faults.append(Fault(slug, path, lines.get("tokens.dark", 0), "dark is not a table", "token"))
    for section, values in (("tokens", light), ("tokens.dark", dark)):
        for name, value in values.items():
            line, nearest = lines.get(f"{section}.{name}", 0), ""
            try:
                if name not in TOKENS:
                    nearest = nearest_name(name, TOKENS)
                    raise ValueError("is not a token" + (did_you_mean(nearest) or "; docs/themes.md lists them"))
                if section == "tokens.dark" and TOKENS[name] not in (Kind.COLOUR, Kind.ART):
                    raise ValueError("is the same in light and dark, so it belongs under [tokens]")
                clean[section][name] = clean_value(name, value)
            except ValueError as fault:
                faults.append(Fault(slug, path, line, f"{name} {fault}", "token", nearest))
    return TokenValues(clean["tokens"], clean["tokens.dark"]), faults


def _shape_fault(slug: str, path: Path, lines: Mapping[str, int], error: Any) -> Fault:
    parts = [str(part) for part in error["loc"] if part != "[key]"]
    place = ".".join(parts)
    nearest = ""
    if error["type"] == "extra_forbidden":
        nearest = nearest_name(parts[-1], (BrandTable if len(parts) > 1 else _Shape).model_fields)
        token = nearest_name(_TOKEN_WORDS.get(parts[-1], parts[-1]), TOKENS)
        if not nearest and token:
            nearest = f"{token} under [tokens]"
    messages = {
        "extra_forbidden": f"is not known here{did_you_mean(nearest)}",
        "missing": "is missing",
        "string_pattern_mismatch": "is not written as it should be",
    }
    message = messages.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    return Fault(slug, path, lines.get(place, 0), f"{place} {message}", "key", nearest)


def _lines(text: str) -> dict[str, int]:
    """The line of each table and key, by dotted name."""
    section = ""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.match(line):
            section = match[1]
            lines.setdefault(section, number)
        elif match := _KEY.match(line):
            lines.setdefault(f"{section}.{match[1]}" if section else match[1], number)
    return lines
