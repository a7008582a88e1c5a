"""Renders templates: the shell and brand of every page, and one Jinja environment for each theme and locale. Knows no request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TypeVar

from jinja2 import Environment, Template
from markupsafe import Markup

from portal.assets import TEMPLATES
from portal.rendering.environment import build_environment
from portal.rendering.fallbacks import Fallbacks, PanelOutOfSight
from portal.rendering.panel_guard import find_unguarded, shows_panel
from portal.rendering.theme_loader import ThemeLoader
from portal.theming.themes import BASE, Theme, ThemeSet

_MAX_ENVIRONMENTS = 64
T = TypeVar("T")
TemplateNamed = Callable[[str], Template]


@dataclass(frozen=True, slots=True)
class Brand:
    """Name, logo and texts of a merchant. URLs are absolute on this origin; what the theme lacks is None or empty.

    `mark` is the logo drawn inline, so that it takes the colour of the text beside it; a logo that cannot be inlined has only a
    URL, and `logo_shows_name` says that the name is written in it. `texts` are the theme's own texts in the page's locale (`welcome`, …); use `brand.texts.get("welcome")`.
    """

    name: str
    theme: str
    stylesheet: str
    mark: Markup | None = None
    logo: str | None = None
    logo_dark: str | None = None
    favicon: str | None = None
    logo_shows_name: bool = False
    support_url: str = ""
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Language:
    """One other language of the footer; `name` is in the language itself, `url` shows the same page in it."""

    code: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What every template gets beside its page. `root` and `static` have no slash at the end; `now` is in the merchant's timezone.

    `hidden_pages` are those that the merchant does not give its customers ("details", "payment_methods").
    `can_sign_out` is False where the host application decides who is signed in: signing out is done there. `is_card_number_removed`: the page
    was asked for with a card number in its address, such as one that was searched for, and has to say that it is gone from there.
    `accessibility_url` is "" where the page belongs to no merchant. `may_pay` and `may_manage` are the rights of a person of the account
    ("payer" and "owner"); without them a page shows no button of such an act. `can_switch`: the reader's mailbox has other accounts.
    `is_by_notice`: the link of a notice signed in, which opens no details, payment methods or security.
    """

    root: str
    static: str
    csrf_token: str
    merchant_name: str
    brand: Brand
    customer_name: str | None
    customer_company: str | None
    signed_in: bool
    current: str
    locale: str
    dir: str
    languages: tuple[Language, ...]
    embedded: bool
    support_email: str
    privacy_url: str
    terms_url: str
    now: datetime
    hidden_pages: frozenset[str] = frozenset()
    can_sign_out: bool = True
    is_card_number_removed: bool = False
    accessibility_url: str = ""
    may_pay: bool = True
    may_manage: bool = True
    can_switch: bool = False
    is_by_notice: bool = False


class Renderer:
    """Renders templates in a theme and the language of a locale; thread-safe, usable without a request.

    `fast_escaping` is the switch of `build_environment`.
    """

    def __init__(
        self,
        themes: ThemeSet,
        *,
        templates: Path = TEMPLATES,
        reload_templates: bool = False,
        fast_escaping: bool = True,
    ) -> None:
        self._loaded = _Loaded(themes)
        self._templates = templates
        self._reload = reload_templates
        self._fast_escaping = fast_escaping
        self.fallbacks = Fallbacks()
        self._lock = Lock()

    @property
    def themes(self) -> ThemeSet:
        """The themes that pages are rendered in now."""
        return self._loaded.themes

    def replace_themes(self, themes: ThemeSet) -> None:
        """Render in these themes from now on. A page that is being rendered is finished in those of before."""
        self._loaded = _Loaded(themes)

    def render(self, name: str, *, theme: str, locale: str, page: object, shell: Shell) -> str:
        """Return the rendered page; with our own templates where the theme's fail.

        Raises jinja2.TemplateNotFound, or UndefinedError where the page lacks what our own template reads.
        """

        def build(template: TemplateNamed) -> str:
            return template(name).render(page=page, shell=shell)

        def is_whole(html: str) -> None:
            if not shows_panel(name, page):
                return
            ours = self.template(name, theme=BASE, locale=locale, static=shell.static).render(page=page, shell=shell)
            if fault := next(find_unguarded(html, shell, ours), None):
                raise PanelOutOfSight(fault)

        return self.build(name, build, theme=theme, locale=locale, static=shell.static, check=is_whole)

    def build(
        self,
        name: str,
        build: Callable[[TemplateNamed], T],
        *,
        theme: str,
        locale: str,
        static: str,
        check: Callable[[T], None] = lambda _: None,
    ) -> T:
        """Return what `build` makes of the theme's templates; of our own where that raises anything, or `check` does: a customer gets the
        page. That is counted and logged as of `name`. What fails with our own templates too is raised."""
        loaded = self._loaded
        found = loaded.themes.get(theme)
        if not found.has_templates:
            return build(self._named(loaded, found, locale, static))
        try:
            built = build(self._named(loaded, found, locale, static))
            check(built)
        except Exception as fault:
            built = build(self._named(loaded, loaded.themes.themes[BASE], locale, static))
            self.fallbacks.add(found, name, fault)
        return built

    def template(self, name: str, *, theme: str, locale: str, static: str) -> Template:
        """Return the compiled template of a theme and locale."""
        loaded = self._loaded
        return self._named(loaded, loaded.themes.get(theme), locale, static)(name)

    def _named(self, loaded: _Loaded, theme: Theme, locale: str, static: str) -> TemplateNamed:
        # Themes without templates of their own share the environments of the bundled templates.
        key = (theme.slug if theme.has_templates else "", locale, static)
        environment = loaded.environments.get(key) or self._create(loaded, key, theme)
        return environment.get_template

    def _create(self, loaded: _Loaded, key: tuple[str, str, str], theme: Theme) -> Environment:
        with self._lock:
            if key not in loaded.environments:
                if len(loaded.environments) >= _MAX_ENVIRONMENTS:
                    loaded.environments.clear()
                loaded.environments[key] = self._build_environment(key, theme)
            return loaded.environments[key]

    def _build_environment(self, key: tuple[str, str, str], theme: Theme) -> Environment:
        loader = ThemeLoader(theme, self._templates)
        return build_environment(
            loader, key[1], key[2], reload_templates=self._reload, fast_escaping=self._fast_escaping
        )


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Themes, and the environments whose templates were compiled for them, by theme, locale and static root."""

    themes: ThemeSet
    environments: dict[tuple[str, str, str], Environment] = field(default_factory=dict)


def build_brand(theme: Theme, *, name: str, static: str, locale: str, support_url: str = "") -> Brand:
    """Return the brand of a theme under a static root; the merchant's own name and URLs take precedence over the theme's."""

    def address(path: str | None) -> str | None:
        return f"{static}/{path}" if path else None

    files = theme.public_paths
    return Brand(
        name=name or theme.brand.display_name or theme.name,
        theme=theme.slug,
        stylesheet=f"{static}/{theme.stylesheet_path}",
        mark=theme.mark,
        logo=address(files.get("logo")),
        logo_dark=address(files.get("logo_dark")),
        favicon=address(files.get("favicon")),
        logo_shows_name=theme.brand.logo_shows_name,
        support_url=support_url or theme.brand.support_url,
        texts=theme.texts_for(locale),
    )
