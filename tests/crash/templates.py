"""A renderer that knows every template in the dress and language of the tests' merchants, for the fork server to hand on."""

from __future__ import annotations

from portal.assets import TEMPLATES
from portal.theming.themes import load_themes
from portal.web.rendering import Renderer
from portal.web.static_files import build_static_files


def _compile_all() -> Renderer:
    renderer = Renderer(load_themes())
    static = build_static_files(renderer.themes).path
    for path in TEMPLATES.rglob("*.html"):
        renderer.template(path.relative_to(TEMPLATES).as_posix(), theme="acme", locale="en", static=static)
    return renderer


RENDERER = _compile_all()
