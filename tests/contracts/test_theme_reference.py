"""docs/themes.md lists every name that a theme may build on: templates, blocks, fields, components."""

from __future__ import annotations

from portal.theming.overrides import PROTECTED
from tests.support.theme_reference import (
    MARKED,
    NOT_PUBLIC,
    THEMES_DOCUMENT,
    page_classes,
    public_templates,
    reference,
)


def test_document_lists_what_is_public() -> None:
    found = MARKED.search(THEMES_DOCUMENT.read_text("utf-8"))

    assert found is not None
    listed = found[0].removeprefix(found[1]).removesuffix(found[2])
    assert listed.splitlines() == reference().splitlines(), (
        "docs/themes.md differs from the code. A name that themes may use has changed: keep the old one as an alias for one version, "
        "say so in CHANGELOG.md, then run: python -m tests.support.theme_reference"
    )


def test_every_template_is_in_an_area() -> None:
    assert [name for name in public_templates() if f"`{name}`" not in reference()] == []


def test_every_page_is_described() -> None:
    filled = [name for name in public_templates() if not name.startswith(("layouts/", "components/", "emails/layout"))]

    assert [name for name in filled if f"| `{page_classes()[name].__name__}` | `" not in reference()] == []


def test_what_is_protected_is_said() -> None:
    assert all(f"`{name}` (cannot be replaced)" in reference() for name in PROTECTED)


def test_the_demo_is_not_public() -> None:
    assert not any(f"| `{start}" in reference() for start in NOT_PUBLIC)
