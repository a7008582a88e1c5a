"""The entries of the gallery: the examples of pages and of mails, by the template that they show."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from portal.emails.rendering import render_mail
from portal.examples import Example, example_shell, examples
from portal.examples.mails import MailExample, example_mail_brand, mail_examples
from portal.rendering.renderer import Renderer, Shell, build_brand
from portal.rendering.translations import direction
from portal.theming.themes import ThemeSet


@dataclass(frozen=True, slots=True)
class Entry:
    """One state of a page or a mail. `name` is unique, and its address; `template` is the path below `templates/`."""

    name: str
    template: str
    is_mail: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """How the gallery is looked at: theme, language (BCP 47), and scheme (light or dark)."""

    theme: str
    locale: str
    scheme: str


@cache
def entries() -> tuple[Entry, ...]:
    """Return all of them, in the order of the customer's way through the portal, the mails at the end."""
    pages = [Entry(example.name, example.template, False) for example in _pages().values()]
    return (*pages, *(Entry(f"mail/{name}", f"{mail.template}.html", True) for name, mail in _mails_of_base().items()))


def find_entry(name: str) -> Entry | None:
    """Return the entry of a name; None for an unknown one."""
    return next((entry for entry in entries() if entry.name == name), None)


def page_and_shell(entry: Entry, themes: ThemeSet, choice: Choice, static: str) -> tuple[object, Shell | None]:
    """Return what the template of an entry is given: its page, and the shell; mails have none."""
    if entry.is_mail:
        return _mail(entry, themes, choice).page, None
    example = _pages()[entry.name]
    shell = example_shell(
        themes, theme=choice.theme, locale=choice.locale, current=example.current, direction=direction(choice.locale)
    )
    theme = themes.get(choice.theme)
    brand = build_brand(
        theme, name="", static=static, locale=choice.locale
    )  # The theme's own name: it has no merchant here.
    return example.page, replace(shell, static=static, brand=brand)


def render_entry(entry: Entry, renderer: Renderer, choice: Choice, static: str) -> str:
    """Return the HTML of an entry: of a page in the scheme that was chosen; a mail has that of the device, and its pictures within."""
    page, shell = page_and_shell(entry, renderer.themes, choice, static)
    if shell is None:
        mail = render_mail(
            renderer, entry.template.removeprefix("emails/").removesuffix(".html"), page, theme=choice.theme
        )
        html = mail.html
        for picture in mail.pictures:
            html = html.replace(f"cid:{picture.cid}", f"data:image/png;base64,{b64encode(picture.png).decode()}")
        return html
    html = renderer.render(entry.template, theme=shell.brand.theme, locale=choice.locale, page=page, shell=shell)
    return html.replace("<html ", f'<html data-color-scheme="{choice.scheme}" ', 1)


@cache
def _pages() -> dict[str, Example]:
    return {example.name: example for example in examples() if not example.template.startswith("demo/")}


@cache
def _mails_of_base() -> dict[str, MailExample]:
    from portal.theming.themes import load_themes

    return dict(_mails(load_themes(), Choice("base", "en", "light")))


def _mail(entry: Entry, themes: ThemeSet, choice: Choice) -> MailExample:
    return dict(_mails(themes, choice))[entry.name.removeprefix("mail/")]


def _mails(themes: ThemeSet, choice: Choice) -> Iterator[tuple[str, MailExample]]:
    for mail in mail_examples(example_mail_brand(themes.get(choice.theme), choice.locale)):
        yield mail.name, mail
