"""The bundled themes, templates, static files and messages, read once a process and compiled once a run: compiled anew they cost more
than most tests."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from babel.messages import Catalog
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket

from portal.rendering.catalogues import collect_messages
from portal.rendering.renderer import Renderer
from portal.theming.themes import Theme, ThemeSet, load_themes
from portal.web.static_files import StaticFiles, build_static_files
from tests.support.run_folder import run_folder


@cache
def bundled_themes() -> ThemeSet:
    return load_themes()


@cache
def bundled_renderer() -> Renderer:
    return RunRenderer(bundled_themes())


@cache
def bundled_static_files() -> StaticFiles:
    return build_static_files(bundled_themes())


@cache
def bundled_messages() -> Catalog:
    """The messages of all templates and modules, as they are extracted for the translators: 2.4 s of CPU."""
    return collect_messages()


class RunRenderer(Renderer):
    """A renderer whose templates are compiled once a run, where the run shares them; a worker else compiles each of them anew."""

    def _build_environment(self, key: tuple[str, str, str], theme: Theme) -> Environment:
        environment = super()._build_environment(key, theme)
        if folder := run_folder():
            # The text of a locale and the static root become part of the code.
            environment.bytecode_cache = _Compiled(folder, repr(key[1:]))
        return environment


class _Compiled(BytecodeCache):
    """Code of templates in files, which no process sees unfinished. Jinja looks whether it is that of the source."""

    def __init__(self, folder: Path, variant: str) -> None:
        self._folder, self._variant = folder, variant

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(FileNotFoundError), self._file(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        draft = self._file(bucket).with_suffix(f".{os.getpid()}")
        with suppress(FileNotFoundError):  # The run has ended meanwhile.
            draft.write_bytes(bucket.bytecode_to_string())
            draft.rename(self._file(bucket))

    def _file(self, bucket: Bucket) -> Path:
        return self._folder / hashlib.sha256(f"{self._variant} {bucket.key}".encode()).hexdigest()
