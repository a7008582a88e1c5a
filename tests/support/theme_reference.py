"""What a theme may build on, read from the code: templates, their blocks, and the fields of their pages.

`python -m tests.support.theme_reference` writes it into docs/themes.md; `tests/contracts/test_theme_reference.py` compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from jinja2 import Environment, nodes

from portal.assets import TEMPLATES
from portal.emails import pages as mail_pages
from portal.examples import examples
from portal.rendering.formats import formats_for
from portal.rendering.renderer import Shell
from portal.theming.overrides import PROTECTED

THEMES_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "themes.md"
MARKED = re.compile(r"(<!-- public templates -->\n).*?(<!-- /public templates -->)", re.DOTALL)

AREAS = {
    "Overview": "overview.html",
    "Payments": "payments/",
    "Invoices": "invoices/",
    "Checkout": "checkout/",
    "Payment methods": "payment_methods/",
    "Statement": "statement.html",
    "Details": "customers/",
    "People": "people",
    "Security": "security",
    "Privacy": "privacy.html",
    "Notifications": "notices/",
    "Questions": "questions/",
    "Pay link": "pay_links/",
    "Accessibility": "accessibility.html",
    "Signing in": "sign_in/",
    "Errors": "errors/",
    "Mails": "emails/",
}
"""The areas of pages and mails, by what their paths begin with."""

NOT_PUBLIC = ("demo/", "documents/")
"""Pages that no customer of a merchant ever gets, and papers, which wear a brand but are set by no theme."""

_PARSER = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


@cache
def reference() -> str:
    """Return what stands between the marks of docs/themes.md."""
    parts = [_layouts()]
    described: set[type] = set()
    for title, start in AREAS.items():
        parts.append(_area(title, start, described))
    parts.append(_components())
    return "\n".join(parts)


@cache
def public_templates() -> tuple[str, ...]:
    """Return the path of every template that a theme may replace, or use where it is protected."""
    found = (path.relative_to(TEMPLATES).as_posix() for path in sorted(TEMPLATES.rglob("*")) if path.is_file())
    return tuple(name for name in found if not name.startswith(NOT_PUBLIC))


@cache
def page_classes() -> dict[str, type]:
    """Return the class of each template's page: of pages as the examples have it, of mails by their name."""
    found = {example.template: type(example.page) for example in examples()}
    for name in public_templates():
        if name.startswith("emails/") and name != "emails/layout.html":
            mail = Path(name).stem.title().replace("_", "")
            found[name] = getattr(mail_pages, f"{mail}Mail")
    return found


# --- the parts of the document ---


def _layouts() -> str:
    rows = [
        (f"`{name}`", _extended(name), _listed(_blocks(name)))
        for name in public_templates()
        if name.startswith("layouts/")
    ]
    classes = [Shell, *_values_of(Shell)]
    return "\n".join(
        [
            "### Layouts and shell",
            "",
            *_table(("template", "extends", "blocks (*required*)"), rows),
            "",
            "Every page but a mail has `shell` beside its `page`:",
            "",
            *_table(("value", "fields"), [(f"`{each.__name__}`", _fields(each)) for each in classes]),
            "",
            "Filters: " + ", ".join(f"`{name}`" for name in sorted(formats_for("en").filters())) + ".",
            "",
        ]
    )


def _area(title: str, start: str, described: set[type]) -> str:
    names = [name for name in public_templates() if name.startswith(start)]
    rows, values, modules = [], [], set()
    for name in names:
        page = page_classes().get(name)
        rows.append((f"`{name}`", _listed(_blocks(name)), f"`{page.__name__}`" if page else ""))
        if page:
            modules.add(page.__module__)
            values += [each for each in (page, *_values_of(page)) if each not in values]
    fresh = [each for each in values if each not in described]
    described.update(fresh)
    sources = ", ".join(f"`{module.replace('.', '/')}.py`" for module in sorted(modules))
    return "\n".join(
        [
            f"### {title}",
            "",
            *_table(("template", "blocks", "page"), rows),
            "",
            f"Types and units of the fields are in {sources}.",
            "",
            *_table(("value", "fields"), [(f"`{each.__name__}`", _fields(each)) for each in fresh]),
            "",
        ]
    )


def _components() -> str:
    rows = []
    for name in public_templates():
        if name.startswith("components/"):
            note = " (cannot be replaced)" if name in PROTECTED else ""
            rows.append((f"`{name}`{note}", "<br>".join(_exports(name))))
    return "\n".join(["### Components", "", *_table(("template", "macros and values"), rows), ""])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


# --- what is read from templates ---


@cache
def _tree(name: str) -> nodes.Template:
    return _PARSER.parse((TEMPLATES / name).read_text("utf-8"))


def _extended(name: str) -> str:
    return ", ".join(f"`{parent}`" for parent in _parents(name))


def _parents(name: str) -> list[str]:
    """The templates that one extends: more than one where it chooses between them."""
    return [
        const.value
        for each in _tree(name).find_all(nodes.Extends)
        for const in (
            [each.template] if isinstance(each.template, nodes.Const) else each.template.find_all(nodes.Const)
        )
    ]


def _blocks(name: str) -> dict[str, bool]:
    """The blocks that a template has, those of what it extends included; True where one has to be filled."""
    tree = _tree(name)
    found: dict[str, bool] = {}
    for parent in _parents(name):
        found.update(_blocks(parent))
    found.update({block.name: block.required for block in tree.find_all(nodes.Block)})
    return found


def _listed(blocks: dict[str, bool]) -> str:
    return ", ".join(f"*`{name}`*" if required else f"`{name}`" for name, required in sorted(blocks.items()))


def _exports(name: str) -> Iterator[str]:
    """The macros of a component with their arguments, and the values that it sets: those that other templates import."""
    imported = _imported_names()
    for node in _tree(name).body:
        if isinstance(node, nodes.Macro) and node.name in imported:
            required = len(node.args) - len(node.defaults)
            arguments = [arg.name + ("=…" if at >= required else "") for at, arg in enumerate(node.args)]
            yield f"`{node.name}({', '.join(arguments)})`"
        elif isinstance(node, nodes.Assign | nodes.AssignBlock) and getattr(node.target, "name", "") in imported:
            yield f"`{node.target.name}`"  # type: ignore[attr-defined]  # A Name, as it has one.


@cache
def _imported_names() -> frozenset[str]:
    """Every name that a public template imports from another."""
    imports = (each for name in public_templates() for each in _tree(name).find_all(nodes.FromImport))
    return frozenset(str(imported) for each in imports for imported in each.names)


# --- what is read from pages ---


@cache
def _hints(value: type) -> dict[str, Any]:
    return get_type_hints(value)


def _field_names(value: type) -> tuple[str, ...]:
    """Fields and properties, in their order."""
    names = tuple(field.name for field in fields(value)) if is_dataclass(value) else value._fields  # type: ignore[attr-defined]
    return names + tuple(name for name, member in vars(value).items() if isinstance(member, property))


def _fields(value: type) -> str:
    """The fields of a value, each with the values that it holds in brackets."""
    parts = []
    for name in _field_names(value):
        held = [each.__name__ for each in _held(_hints(value).get(name))]
        parts.append(f"`{name}`" + (f" ({', '.join(held)})" if held else ""))
    return ", ".join(parts)


def _values_of(value: type) -> list[type]:
    """The values that a page holds, at any depth, in the order of the fields."""
    found: list[type] = []
    for hint in _hints(value).values():
        for each in _held(hint):
            if each not in found:
                found += [each, *(one for one in _values_of(each) if one not in found)]
    return found


def _held(hint: Any) -> list[type]:
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        return [hint]
    return [each for part in get_args(hint) for each in _held(part)]


def write_into_document() -> None:
    """Put the reference between the marks of docs/themes.md."""
    text = THEMES_DOCUMENT.read_text("utf-8")
    THEMES_DOCUMENT.write_text(MARKED.sub(lambda found: found[1] + reference() + found[2], text), "utf-8")


if __name__ == "__main__":
    write_into_document()
