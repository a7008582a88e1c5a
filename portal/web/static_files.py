"""Static files from memory, under a path that carries the hash of them all, so that browsers cache them for ever."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portal.assets import STATIC
from portal.fingerprints import fingerprint
from portal.web.policies import public

if TYPE_CHECKING:
    from flask import Flask, Response

    from portal.theming.themes import Theme

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
_COMPRESSED = {".css", ".js", ".svg", ".json", ".txt"}
_STYLE_PARTS = ("css/tokens.css", "css/base.css", "css/components.css", "css/pages.css", "css/print.css")
_STYLESHEET = "portal.css"
_FAVICON = "favicon.ico"
_VENDOR = "js/vendor/"
_OWN_ADDRESS = re.compile(r'url\("(?![a-z]+:|[#/])([^"]+)"\)')
_COMMENT_LINES = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*\n", re.DOTALL | re.MULTILINE)
_COMMENT_OR_STRING = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|/\*.*?\*/""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent; `gzipped` is None where compression saves nothing."""

    body: bytes
    gzipped: bytes | None
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All files by their path under the root, and the hash of the whole tree."""

    files: Mapping[str, StaticFile]
    digest: str

    @property
    def path(self) -> str:
        """The static root without the mount's prefix and without a slash at the end: `/static/3f9c…`."""
        return f"/static/{self.digest}"

    def respond(self, name: str) -> Response:
        """Return the file of that name for the current request, to be cached for ever; 404 for any other name."""
        return self._send(name, "public, max-age=31536000, immutable")

    def respond_favicon(self) -> Response:
        """Return the portal's icon for the default URL that browsers request."""
        return self._send(_FAVICON, "public, max-age=86400")

    def _send(self, name: str, caching: str) -> Response:
        from flask import Response, abort, request

        file = self.files.get(name)
        if file is None:
            abort(404)
        small = file.gzipped if file.gzipped is not None and request.accept_encodings.quality("gzip") > 0 else None
        response = Response(file.body if small is None else small, content_type=file.content_type)
        response.headers["Cache-Control"] = caching
        if file.gzipped is not None:
            response.headers["Vary"] = "Accept-Encoding"
        if small is not None:
            response.headers["Content-Encoding"] = "gzip"
        response.set_etag(file.etag if small is None else f"{file.etag}-gz")
        response.make_conditional(request)
        return response


def register_static_files(
    app: Flask, find: Callable[[str], StaticFiles | None], current: Callable[[], StaticFiles]
) -> None:
    """Add the public routes `static_file` and `favicon`; `find` gives the files of a version by the hash in their path, None of an unknown
    one, and `current` those of now."""

    @public
    def static_file(digest: str, name: str) -> Response:
        from flask import abort

        files = find(digest)
        return files.respond(name) if files else abort(404)

    @public
    def favicon() -> Response:
        return current().respond_favicon()

    app.add_url_rule("/static/<digest>/<path:name>", view_func=static_file, methods=["GET"])
    app.add_url_rule(f"/{_FAVICON}", view_func=favicon, methods=["GET"])


def build_static_files(themes: Iterable[Theme], *, folder: Path = STATIC) -> StaticFiles:
    """Read every file once: `static/`, the portal's stylesheet built from its parts, and the files of the themes. Styles and our own
    scripts are served without comments; scripts of others byte by byte."""
    files = dict(sorted(_collect(themes, folder)))
    tree = b"".join(f"{name}\0{len(body)}\0".encode() + body for name, body in files.items())
    prepared = {name: _prepare(name, body) for name, body in files.items()}
    # 32 bits: pages name it some thirty times, and it tells one release from the next.
    return StaticFiles(prepared, fingerprint(tree)[:8])


def _collect(themes: Iterable[Theme], folder: Path) -> Iterator[tuple[str, bytes]]:
    for name, path in _files_in(folder):
        if name.endswith(".js") and not name.startswith(_VENDOR):
            yield name, _COMMENT_LINES.sub("", path.read_text("utf-8")).encode()
        elif name not in _STYLE_PARTS:
            yield name, path.read_bytes()
    parts = [folder / part for part in _STYLE_PARTS]
    styles = _without_comments("\n".join(part.read_text("utf-8") for part in parts if part.is_file()))
    yield _STYLESHEET, styles.encode()
    for theme in themes:
        yield theme.stylesheet_path, with_own_styles(styles, theme.stylesheet).encode()
        if theme.static_folder is not None:
            for name, path in _files_in(theme.static_folder):
                yield f"themes/{theme.slug}/{name}", path.read_bytes()


def with_own_styles(styles: str, stylesheet: str) -> str:
    """Return the one stylesheet of a theme's pages: ours, and the theme's after it. A second one would be another round trip before anything
    is painted. What ours names stands one folder above the theme's."""
    return _OWN_ADDRESS.sub(r'url("../\1")', styles) + stylesheet


def _files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and path.suffix in _TYPES and path.resolve().is_relative_to(folder.resolve()):
            yield name.as_posix(), path


def _without_comments(css: str) -> str:
    bare = _COMMENT_OR_STRING.sub(lambda match: match[1] or "", css)
    return re.sub(r"\n\s*", "\n", bare).strip() + "\n"


def _prepare(name: str, body: bytes) -> StaticFile:
    suffix = Path(name).suffix
    gzipped = gzip.compress(body, 9, mtime=0) if suffix in _COMPRESSED else None
    if gzipped is not None and len(gzipped) >= len(body):
        gzipped = None
    return StaticFile(body, gzipped, _TYPES[suffix], fingerprint(body))
