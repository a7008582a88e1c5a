"""Shows example pages in a browser without a server: HTML, static files and the policy come from memory."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, Route

from portal.examples import STATIC, example_shell, examples, render_example
from portal.web.headers import SecurityHeaders
from portal.web.static_files import with_own_styles
from tests.support.bundled import bundled_renderer, bundled_static_files, bundled_themes

ORIGIN = "http://127.0.0.1:9"
ADDRESS = f"{ORIGIN}/page"


class ShownPages:
    """Answers a browser page's requests. `posted` lists the paths it posted to; a post is answered by no content."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.posted: list[str] = []
        self.fetched_count = 0
        self.theme_css: str | None = None
        self._themes, self._renderer, self._static = bundled_themes(), bundled_renderer(), bundled_static_files().files
        self._examples = {example.name: example for example in examples()}
        self._html = ""
        page.route("**/*", self._answer)

    def prepare(self, name: str, *, theme: str = "acme", locale: str = "en", direction: str = "ltr") -> None:
        """Put this example at the page's address, for the next request."""
        example = self._examples[name]
        shell = example_shell(self._themes, theme=theme, locale=locale, current=example.current, direction=direction)
        self._html = render_example(self._renderer, example, shell)

    def open(self, name: str, *, theme: str = "acme", locale: str = "en", direction: str = "ltr") -> None:
        """Show this example, with its behaviours connected."""
        self.show(name, theme=theme, locale=locale, direction=direction)
        self.page.wait_for_load_state("networkidle")

    def show(self, name: str, *, theme: str = "acme", locale: str = "en", direction: str = "ltr") -> None:
        """Show this example; its behaviours may still be on their way."""
        self.prepare(name, theme=theme, locale=locale, direction=direction)
        self.page.goto(ADDRESS)

    def _answer(self, route: Route) -> None:
        request, path = route.request, urlsplit(route.request.url).path
        if request.method == "POST":
            self.posted.append(path)
            route.fulfill(status=204)
        elif request.url == ADDRESS:
            self.fetched_count += 1
            headers = dict(SecurityHeaders(is_https=False, is_demo=False).for_page())
            route.fulfill(body=self._html, content_type="text/html; charset=utf-8", headers=headers)
        elif self.theme_css is not None and "/themes/" in path and path.endswith(".css"):
            css = with_own_styles(self._static["portal.css"].body.decode(), self.theme_css)
            route.fulfill(body=css, content_type="text/css; charset=utf-8")
        elif (file := self._static.get(path.removeprefix(f"{STATIC}/"))) is not None:
            route.fulfill(body=file.body, content_type=file.content_type)
        else:
            route.fulfill(status=204)
