"""Where the templates of a theme come from; what the payment panel is drawn with never comes from a theme."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, TemplateNotFound

from portal.theming.overrides import is_protected
from portal.theming.themes import Theme

_BUNDLED = "bundled:"


class ThemeLoader(BaseLoader):
    """Loads a template from the theme, its parents, then the bundled ones; the payment panel, and what it uses, only from the bundled ones.

    Mails, under `emails/`, are in a folder of their own in a theme.
    """

    def __init__(self, theme: Theme, bundled: Path) -> None:
        self._bundled = FileSystemLoader(bundled)
        self._has_templates = bool(theme.template_folders)
        self._pages = ChoiceLoader([FileSystemLoader(folder) for folder in theme.template_folders])
        mails = [PrefixLoader({"emails": FileSystemLoader(folder)}) for folder in theme.email_folders]
        self._mails = ChoiceLoader(mails)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template.startswith(_BUNDLED):
            return self._bundled.get_source(environment, template.removeprefix(_BUNDLED))
        if not is_protected(template):
            themed = self._mails if template.startswith("emails/") else self._pages
            try:
                return themed.get_source(environment, template)
            except TemplateNotFound:
                pass
        return self._bundled.get_source(environment, template)

    def name_within(self, template: str, parent: str) -> str:
        """The name of a template that `parent` uses: a component that a theme replaced would else draw the amount in the panel."""
        if self._has_templates and (is_protected(parent) or parent.startswith(_BUNDLED)):
            return _BUNDLED + template.removeprefix(_BUNDLED)
        return template

    def list_templates(self) -> list[str]:
        return self._bundled.list_templates()
