"""The Jinja environment of one locale: its options, filters and messages, and the escaping of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from datetime import date
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, Template
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup, escape

from portal.rendering.formats import formats_for
from portal.rendering.theme_loader import ThemeLoader
from portal.rendering.translations import jinja_functions


def build_environment(
    loader: BaseLoader, locale: str, static: str, *, reload_templates: bool = False, fast_escaping: bool = True
) -> Environment:
    """Return an environment with the locale's filters and texts, and `static` (the static root) for macros imported without context.

    `fast_escaping` is the one switch over what goes beyond the public hooks of Jinja (`FastEscaping`): pages are the same
    without it, byte for byte, and cost more.
    """
    environment = PageEnvironment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", Messages],
        auto_reload=reload_templates,
        cache_size=-1,
    )
    if fast_escaping:
        environment.template_class = FastEscaping
    environment.policies["ext.i18n.trimmed"] = True
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # Added by the i18n extension.
    environment.globals.update(jinja_functions(locale))
    environment.globals["static"] = static
    environment.filters.update(formats_for(locale).filters())
    return environment


class PageEnvironment(Environment):
    """An environment whose templates share its globals as they are, since no template is loaded with globals of its own."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        # A ChainMap otherwise, which Python walks through key by key for each page and each import of a macro.
        return super().make_globals(d) if d else self.globals

    def join_path(self, template: str, parent: str) -> str:
        return self.loader.name_within(template, parent) if isinstance(self.loader, ThemeLoader) else template


class Messages(Extension):
    """Translates `_("…")` and `pgettext("…", "…")` when a template is compiled, and has a message that is not written in it escaped.

    Jinja trusts every message as markup. Here only those written in the template are markup: `_(page.text)` calls
    `translate_data`, which returns plain text.
    """

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        before = ""
        for token in stream:
            is_call = stream.current.type == "lparen" and before != "dot"
            if is_call and token.test_any("name:_", "name:gettext"):
                yield from self._message(token, stream)
            elif is_call and token.test("name:pgettext"):
                yield from self._message_in_context(token, stream)
            else:
                yield token
            before = token.type

    def _message(self, name: Token, stream: TokenStream) -> Iterator[Token]:
        bracket = next(stream)
        texts = _strings(stream)
        if texts and stream.current.type == "rparen":
            translate: Any = self.environment.globals["_"]
            yield bracket
            yield from _trusted(name.lineno, translate(_joined(texts)))
            return
        is_written_here = texts and stream.current.type == "comma"
        yield name if is_written_here else Token(name.lineno, "name", "translate_data")
        yield bracket
        yield from texts

    def _message_in_context(self, name: Token, stream: TokenStream) -> Iterator[Token]:
        bracket = next(stream)
        context = _strings(stream)
        comma = next(stream) if stream.current.type == "comma" else None
        texts = _strings(stream) if comma else []
        if context and texts and stream.current.type == "rparen":
            translate: Any = self.environment.globals["pgettext"]
            yield bracket
            yield from _trusted(name.lineno, translate(_joined(context), _joined(texts)))
            return
        yield from (name, bracket, *context, *([comma] if comma else ()), *texts)


def _strings(stream: TokenStream) -> list[Token]:
    """Take the strings that stand next in a template, written one after the other."""
    found = []
    while stream.current.type == "string":
        found.append(next(stream))
    return found


def _joined(texts: Iterable[Token]) -> str:
    return "".join(text.value for text in texts)


def _trusted(line: int, text: str) -> tuple[Token, ...]:
    """Return a text as a template writes one that is markup."""
    return Token(line, "string", str(text)), Token(line, "pipe", "|"), Token(line, "name", "safe")


class FastEscaping(Template):
    """A template whose values are escaped by `escape_value`. Beyond Jinja's public hooks: compiled code calls a global `escape`.

    A version of Jinja whose code calls something else gives the same pages, more slowly.
    """

    @classmethod
    def from_code(
        cls,
        environment: Environment,
        code: CodeType,
        globals: MutableMapping[str, Any],
        uptodate: Callable[[], bool] | None = None,
    ) -> Template:
        template = super().from_code(environment, code, globals, uptodate)
        template.root_render_func.__globals__["escape"] = escape_value
        return template


def escape_value(value: Any) -> str:
    """Return the value as text of a page, as `markupsafe.escape` does, without a Markup for what needs no escaping.

    A list of 25 rows writes some 300 values; to make a Markup of each takes a fifth of the page's time.
    """
    kind = type(value)
    if kind is str:
        if "&" in value or "<" in value or ">" in value or '"' in value or "'" in value:
            return escape(value)
        return value  # type: ignore[no-any-return]  # A str.
    if kind is Markup:
        return value  # type: ignore[no-any-return]  # A str.
    if kind is int or kind is date:
        return str(value)
    return escape(value)
