"""The bundled themes, templates and static files, read and compiled once a process: compiled anew they cost more than most tests."""

from __future__ import annotations

from functools import cache

from portal.rendering.renderer import Renderer
from portal.theming.themes import ThemeSet, load_themes
from portal.web.static_files import StaticFiles, build_static_files


@cache
def bundled_themes() -> ThemeSet:
    return load_themes()


@cache
def bundled_renderer() -> Renderer:
    return Renderer(bundled_themes())


@cache
def bundled_static_files() -> StaticFiles:
    return build_static_files(bundled_themes())
