"""Every page and mail of a theme with example data, in each state and each of the theme's languages: what fails, and what browsers drop."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from traceback import extract_tb
from types import CodeType

from jinja2 import (
    BytecodeCache,
    Environment,
    TemplateError,
    TemplateNotFound,
    TemplateRuntimeError,
    TemplateSyntaxError,
    meta,
)
from jinja2.bccache import Bucket

from portal.assets import TEMPLATES
from portal.examples import STATIC, Example, example_shell, examples
from portal.examples.mails import MailExample, example_mail_brand, mail_examples
from portal.rendering.environment import build_environment
from portal.rendering.panel_guard import find_unguarded, shows_panel
from portal.rendering.theme_loader import ThemeLoader
from portal.rendering.translations import direction
from portal.theme_check.markup import FOREIGN_FORM, find_dropped
from portal.theme_check.sources import undefined_sentence
from portal.theme_check.undefined import Recorded, recording
from portal.theming.faults import Fault, did_you_mean, nearest_name
from portal.theming.themes import BASE, Theme, ThemeSet

_IMPORTED = re.compile(r"the template '([^']+)' \(imported")


def fields_of(page: object) -> set[str]:
    """The public names of a page or a value in it."""
    return {name for name in dir(page) if not name.startswith("_")}


class CompiledTemplates(BytecodeCache):
    """The code of the templates of one check, which most of its themes share; to compile them takes longer than to render all examples."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str, str], CodeType] = {}
        self.locale = ""

    def load_bytecode(self, bucket: Bucket) -> None:
        # The words of a locale become part of the code.
        bucket.code = self._codes.get((self.locale, bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[self.locale, bucket.key, bucket.checksum] = bucket.code


class ThemeRendering:
    """Renders one theme and collects its faults. `own` are its templates by name: where faults are said to be."""

    def __init__(self, themes: ThemeSet, theme: Theme, own: dict[str, Path], compiled: CompiledTemplates) -> None:
        self._compiled = compiled
        self._themes = ThemeSet({**themes.themes, theme.slug: theme})
        self._theme, self._own = theme, own
        self._page: object = None
        self._template = ""
        self.faults: list[Fault] = []
        self.said: set[str] = set()
        """The sentences that are said already of the sources, line by line."""

    def environment(self, locale: str) -> Environment:
        """The theme's environment in a locale, as the portal has it but for its undefined."""
        environment = build_environment(ThemeLoader(self._theme, TEMPLATES), locale, STATIC)
        environment.undefined = recording(self._note)
        return environment

    def render_all(self, locale: str, only: frozenset[str] | None = None) -> None:
        """Render every example, or those of the templates in `only`."""
        environment = self.environment(locale)
        environment.bytecode_cache = self._compiled
        self._compiled.locale = locale
        for example in examples():
            if only is None or example.template in only:
                self._render_page(environment, example, locale)
        brand = example_mail_brand(self._theme, locale)
        for mail in mail_examples(brand):
            if only is None or only & {f"{mail.template}.html", f"{mail.template}.txt"}:
                self._render_mail(environment, mail)

    def _render_page(self, environment: Environment, example: Example, locale: str) -> None:
        shell = example_shell(
            self._themes, theme=self._theme.slug, locale=locale, current=example.current, direction=direction(locale)
        )
        html = self._render(environment, example.template, example.page, shell=shell)
        if html is not None:
            self._check_markup(html, is_mail=False)
            if shows_panel(example.template, example.page):
                ours = self._ours(locale).get_template(example.template).render(page=example.page, shell=shell)
                for sentence in find_unguarded(html, shell, ours):
                    self._add(self._place(), 0, f"{sentence} (in the state {example.name})", "override")

    def _ours(self, locale: str) -> Environment:
        """The environment of our own templates."""
        environment = build_environment(ThemeLoader(self._themes.get(BASE), TEMPLATES), locale, STATIC)
        environment.bytecode_cache = self._compiled
        return environment

    def _render_mail(self, environment: Environment, mail: MailExample) -> None:
        text = self._render(environment, f"{mail.template}.txt", mail.page)
        if text is not None and not text.strip().partition("\n")[0]:
            self._add(self._place(), 1, "the first line, the mail's subject, is empty", "template")
        html = self._render(environment, f"{mail.template}.html", mail.page)
        if html is not None:
            self._check_markup(html, is_mail=True)

    def _render(self, environment: Environment, template: str, page: object, **more: object) -> str | None:
        self._template, self._page = template, page
        before = len(self.faults)
        try:
            return environment.get_template(template).render(page=page, **more)
        except TemplateSyntaxError:
            return None  # Found in its source.
        except TemplateNotFound as fault:
            if not any(sentence.startswith(f"uses {fault.name},") for sentence in self.said):
                self._note_failure(fault)
            return None
        except TemplateRuntimeError as fault:
            if "Required block" not in str(fault):  # Found in its source too.
                self._note_failure(fault)
            return None
        except Exception as fault:
            # Whatever a template may raise. What follows from something undefined, which would have ended the page, is no fault of its own.
            if len(self.faults) == before:
                self._note_failure(fault)
            return None

    def _check_markup(self, html: str, *, is_mail: bool) -> None:
        for _, sentence in find_dropped(html, is_mail=is_mail):
            if sentence != FOREIGN_FORM and sentence not in self.said and self._own:
                self._add(self._place(), 0, sentence, "markup")
                self.said.add(sentence)

    def _note(self, used: Recorded, lines: list[tuple[Path, int]]) -> None:
        nearest = ""
        if used.has_no_name:
            sentence = used.sentence
        elif used.is_position:
            sentence = (
                f"has nothing at [{used.missing_name}] in one of the page's states: ask whether it is there first"
            )
        elif used.owner is not None:
            known = fields_of(used.owner) if not isinstance(used.owner, dict) else set(used.owner)
            nearest = nearest_name(used.missing_name, known)
            sentence = f"{type(used.owner).__name__} has no field {used.missing_name}{did_you_mean(nearest)}"
        elif imported := _IMPORTED.match(used.sentence):
            self._add(
                self._own.get(imported[1], lines[0][0] if lines else self._place()), 0, used.sentence, "undefined"
            )
            return
        else:
            sentence, nearest = undefined_sentence(used.missing_name, fields_of(self._page))
        path, line = self._blamed(lines)
        self._add(path, line, sentence, "undefined", nearest)

    def _note_failure(self, fault: Exception) -> None:
        lines = [(Path(frame.filename), frame.lineno or 0) for frame in reversed(extract_tb(fault.__traceback__))]
        path, line = self._blamed([each for each in lines if each[0].suffix in (".html", ".txt")])
        what = str(fault) if isinstance(fault, TemplateError) else f"{type(fault).__name__}: {fault}"
        self._add(path, line, f"cannot be rendered: {what}", "template")

    def _blamed(self, lines: Iterable[tuple[Path, int]]) -> tuple[Path, int]:
        """The innermost line that is in a template of the theme, its parents' included."""
        folders = (*self._theme.template_folders, *self._theme.email_folders)
        found = list(lines)
        of_theme = (each for each in found if any(each[0].is_relative_to(folder) for folder in folders))
        return next(of_theme, found[0] if found else (self._place(), 0))

    def _place(self) -> Path:
        return self._own.get(self._template, TEMPLATES / self._template)

    def _add(self, path: Path, line: int, sentence: str, kind: str, nearest: str = "") -> None:
        fault = Fault(self._theme.slug, path, line, sentence, kind, nearest)
        if fault not in self.faults:
            self.faults.append(fault)


def using(environment: Environment, overridden: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """Those of `names` that use one of the overridden templates, at any depth."""
    wanted = set(overridden)
    known: dict[str, bool] = {}

    def uses(name: str) -> bool:
        if name not in known:
            known[name] = name in wanted
            try:
                assert environment.loader is not None
                tree = environment.parse(environment.loader.get_source(environment, name)[0])
            except TemplateError:
                return known[name]
            known[name] = known[name] or any(uses(each) for each in meta.find_referenced_templates(tree) if each)
        return known[name]

    yield from (name for name in names if uses(name))
