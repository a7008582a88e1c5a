"""Updates the PO files from the texts of templates and code: `python -m portal.rendering.catalogues extract|check`.

A command for developers: no page imports it, and it imports no page.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from portal.assets import ASSETS, PKG, TEMPLATES, THEMES
from portal.rendering.translations import SOURCE_LOCALE, available_locales, catalogue_path

_KEYWORDS = {
    "_": None, "gettext": None, "phrase": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2),
}  # fmt: skip
_TEMPLATE_OPTIONS = {
    "trimmed": "true",
    "newstyle_gettext": "true",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "silent": "false",
}
_TEMPLATE_SUFFIXES = {".html", ".txt", ".xml"}


def main(arguments: Sequence[str]) -> int:
    """`extract` adds new messages to each PO file; `check` names those without a translation and returns 1 if there are any."""
    if list(arguments) == ["extract"]:
        update_catalogues()
        return 0
    if list(arguments) == ["check"]:
        gaps = find_gaps()
        for gap in gaps:
            print(gap, file=sys.stderr)  # noqa: T201  # A command of its own.
        return 1 if gaps else 0
    print("usage: python -m portal.rendering.catalogues extract|check", file=sys.stderr)  # noqa: T201
    return 2


def collect_messages() -> Catalog:
    """Return every message of templates, themes and code, with the files that use it."""
    catalogue = Catalog(fuzzy=False)
    for path in _sources():
        place = path.relative_to(ASSETS).as_posix()
        with path.open("rb") as file:
            if path.suffix == ".py":
                found = list(extract("python", file, _KEYWORDS, ())) + list(_sentences(path))
            else:
                found = list(_extract_template(file))
        for line, message, _, context in found:
            catalogue.add(message, None, locations=[(place, line)], context=context)
    return catalogue


def update_catalogues() -> None:
    """Write new messages into each PO file, without a translation; unused ones stay at the end, marked obsolete."""
    messages = collect_messages()
    for locale in available_locales():
        if locale == SOURCE_LOCALE:
            continue
        path = catalogue_path(locale)
        known = _read(path, locale)
        for message in known.obsolete.values():  # A text that is used again gets its old translation back.
            if message.id not in known:
                known.add(message.id, message.string, context=message.context)
        known.update(messages, no_fuzzy_matching=True)
        with path.open("wb") as file:
            write_po(file, known, width=120, sort_output=True, omit_header=False, include_lineno=False)


def find_gaps() -> list[str]:
    """Return a sentence for each message that a language lacks, or whose placeholders differ."""
    messages = collect_messages()
    gaps = []
    for locale in available_locales():
        if locale == SOURCE_LOCALE:
            continue
        path = catalogue_path(locale)
        known = _read(path, locale)
        for message in messages:
            if message.id and (fault := _fault(known.get(message.id, message.context), known)):
                place = ":".join(map(str, message.locations[0]))
                gaps.append(
                    f"{place}: {locale}: {fault}: {message.id if isinstance(message.id, str) else message.id[0]!r}"
                )
    return gaps


def _fault(message: Message | None, catalogue: Catalog) -> str | None:
    if message is None or not message.string or (isinstance(message.string, (tuple, list)) and not all(message.string)):
        return "not translated"
    if message.fuzzy:
        return "marked fuzzy"
    return "; ".join(map(str, message.check(catalogue))) or None


def _read(path: Path, locale: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def _sources() -> Iterator[Path]:
    yield from sorted(PKG.rglob("*.py"))
    folders = [TEMPLATES, *sorted(THEMES.glob("*/templates")), *sorted(THEMES.glob("*/emails")), PKG]
    for folder in folders:
        yield from sorted(
            path for path in folder.rglob("*") if path.suffix in _TEMPLATE_SUFFIXES and "_bundled" not in path.parts
        )


def _extract_template(file: BinaryIO) -> Iterator[tuple[int, str | tuple[str, ...], list[str], str | None]]:
    method: Any = babel_extract  # Jinja types its extractor more narrowly than Babel types its parameter.
    yield from extract(method, file, _KEYWORDS, (), _TEMPLATE_OPTIONS)


def _sentences(path: Path) -> Iterator[tuple[int, str, list[str], None]]:
    """Yield the sentences of expected failures: `sentence = "…"` in a class body."""
    if path.name != "errors.py":
        return
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
            value = getattr(statement, "value", None)
            if (
                isinstance(target, ast.Name)
                and target.id == "sentence"
                and isinstance(value, ast.Constant)
                and isinstance(value.value, str)
            ):
                yield statement.lineno, value.value, [], None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
