"""A renderer that knows every template in the dress and language of the tests' merchants, for the fork server to hand on."""

from __future__ import annotations

from portal.assets import TEMPLATES
from portal.web.rendering import Renderer
from tests.support.bundled import bundled_renderer, bundled_static_files


def _compile_all() -> Renderer:
    renderer, static = bundled_renderer(), bundled_static_files().path
    for path in TEMPLATES.rglob("*.html"):
        renderer.template(path.relative_to(TEMPLATES).as_posix(), theme="acme", locale="en", static=static)
    return renderer


RENDERER = _compile_all()
