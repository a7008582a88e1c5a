"""`portal theme check`: everything that is wrong with a theme at once. Needs files alone: no database, no settings, no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from portal.assets import TEMPLATES
from portal.examples import examples
from portal.examples.mails import example_mail_brand, mail_examples
from portal.rendering.translations import SOURCE_LOCALE, available_locales
from portal.theme_check.rendering import CompiledTemplates, ThemeRendering, fields_of, using
from portal.theme_check.sources import find_source_faults, own_templates
from portal.theming.faults import Fault, did_you_mean, nearest_name
from portal.theming.files import ThemeFile
from portal.theming.themes import Theme, ThemeSet, read_themes

_TEXT_READ = re.compile(r"""texts(?:\.get\(\s*|\[\s*)["'](\w+)["']|texts\.(?!get\b)(\w+)""")


def check_themes(folders: Iterable[Path] = (), *, only: str | None = None) -> list[Fault]:
    """All faults of the bundled themes and of those in `folders`, or of the one theme named `only`, by file and line."""
    themes = read_themes(folders)
    faults = [fault for fault in themes.faults if only is None or fault.theme in (only, "")]
    compiled = CompiledTemplates()
    for slug, draft in themes.drafts.items():
        if only in (None, slug):
            faults += _check(themes, draft.file, draft.theme, compiled)
    by_place: dict[tuple[Path, int, str], Fault] = {}
    for fault in faults:
        by_place.setdefault((fault.path, fault.line, fault.sentence), fault)
    return sorted(
        by_place.values(), key=lambda fault: (fault.theme, fault.path.suffix != ".toml", fault.path, fault.line)
    )


def _check(themes: ThemeSet, file: ThemeFile, theme: Theme, compiled: CompiledTemplates) -> Iterator[Fault]:
    own = own_templates(file.folder)
    rendering = ThemeRendering(themes, theme, own, compiled)
    environment = rendering.environment(SOURCE_LOCALE)
    fields = _page_fields(theme)
    yield from _text_faults(file, own.values())
    for name, path in own.items():
        for fault in find_source_faults(environment, file.slug, name, path, fields.get(name, set())):
            rendering.said.add(fault.sentence)
            yield fault
    languages = [locale for locale in available_locales() if locale != SOURCE_LOCALE and locale in theme.texts]
    rendering.render_all(SOURCE_LOCALE)
    # In the other languages the words alone differ, but in what the theme draws itself.
    drawn = frozenset(using(environment, own, fields) if own else ())
    for locale in languages if drawn else ():
        rendering.render_all(locale, drawn)
    yield from rendering.faults


def _page_fields(theme: Theme) -> dict[str, set[str]]:
    """The fields of each template's page."""
    found = {example.template: fields_of(example.page) for example in examples()}
    for mail in mail_examples(example_mail_brand(theme, SOURCE_LOCALE)):
        found |= {f"{mail.template}.{kind}": fields_of(mail.page) for kind in ("txt", "html")}
    return found


def _text_faults(file: ThemeFile, own: Iterable[Path]) -> Iterator[Fault]:
    """Languages that the portal does not have, and texts that no template reads."""
    sources = [*TEMPLATES.rglob("*.html"), *TEMPLATES.rglob("*.txt"), *own]
    read = {
        name for path in sources for pair in _TEXT_READ.findall(path.read_text("utf-8", "replace")) for name in pair
    }
    languages = {locale.partition("-")[0] for locale in available_locales()}
    for locale, texts in file.texts.items():
        line = file.line(f"texts.{locale}")
        if locale.replace("_", "-").partition("-")[0] not in languages:
            there = ", ".join(sorted(languages))
            yield Fault(
                file.slug, file.path, line, f"texts.{locale}: the portal has no such language; it has {there}", "text"
            )
        for name in texts.keys() - read:
            nearest = nearest_name(name, read - {""})
            sentence = f"texts.{locale}.{name} is read by no template{did_you_mean(nearest)}"
            yield Fault(file.slug, file.path, file.line(f"texts.{locale}.{name}"), sentence, "text", nearest)
