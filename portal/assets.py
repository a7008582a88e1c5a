"""The folders of templates, static files and themes: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

PKG = Path(__file__).resolve().parent
ASSETS = PKG / "_bundled" if (PKG / "_bundled").is_dir() else PKG.parent

TEMPLATES = ASSETS / "templates"
STATIC = ASSETS / "static"
THEMES = ASSETS / "themes"
TRANSLATIONS = PKG / "translations"
