"""The gallery's application: one page with an entry, twice in frames and beside it its fields; each entry by itself; the static files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, jsonify, render_template, request, url_for

from portal.gallery.entries import Choice, Entry, entries, find_entry, page_and_shell, render_entry
from portal.gallery.fields import describe
from portal.rendering.renderer import Renderer
from portal.rendering.translations import available_locales, language_name
from portal.theming.themes import load_themes
from portal.theming.versions import version_on_disk
from portal.web.live_themes import LiveThemes

_HOSTS = {"127.0.0.1", "localhost"}
_SCHEMES = ("light", "dark")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self';"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"


def create_gallery(theme: str, folders: Iterable[Path] = ()) -> Flask:
    """Return the gallery of a theme of `folders` or a bundled one; it sees within a second what changes there. For loopback alone."""
    app = Flask(__name__, static_folder="static", static_url_path="/gallery")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    known = tuple(folders)
    renderer = Renderer(load_themes(known), reload_templates=True)
    live = LiveThemes(renderer, known, is_watched=True)
    live.register(app)

    @app.before_request
    def refuse_other_hosts() -> None:
        # A name of somebody else's that leads here would be an origin of its own, which reads what is on this machine.
        if request.host.rpartition(":")[0] not in _HOSTS and request.host not in _HOSTS:
            abort(400)

    @app.get("/")
    def gallery() -> str:
        look, choice = live.look, _choice(theme)
        entry = _entry(request.args.get("entry", entries()[0].name))
        page, shell = page_and_shell(entry, look.themes, choice, look.static_files.path)
        return render_template(
            "gallery.html",
            choice=choice,
            entry=entry,
            groups=_by_template(),
            schemes=_SCHEMES,
            languages=[(locale, language_name(locale)) for locale in available_locales()],
            faults=[str(fault) for fault in look.themes.faults if fault.theme == theme],
            fields=list(describe(page)),
            shell_fields=list(describe(shell)) if shell else [],
            version=version_on_disk(known),
            address=lambda **given: url_for("gallery", **_query(choice, entry) | given),
            frame=url_for("show", name=entry.name, locale=choice.locale, scheme=choice.scheme),
        )

    @app.get("/show/<path:name>")
    def show(name: str) -> Response:
        entry = _entry(name)
        html = render_entry(entry, renderer, _choice(theme), live.look.static_files.path)
        response = Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _MAIL_POLICY if entry.is_mail else _POLICY
        return response

    @app.get("/version")
    def version() -> Response:
        return jsonify({"version": version_on_disk(known)})

    @app.errorhandler(404)
    def lead_nowhere(_fault: Exception) -> tuple[str, int]:
        return "There is nothing here: the links of the examples lead nowhere.", 404

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def _choice(theme: str) -> Choice:
    """How the address wants the gallery to be looked at; what it does not say, or says wrong, is English and light."""
    locale, scheme = request.args.get("locale", "en"), request.args.get("scheme", "light")
    return Choice(theme, locale if locale in available_locales() else "en", scheme if scheme in _SCHEMES else "light")


def _entry(name: str) -> Entry:
    found = find_entry(name)
    return found if found is not None else abort(404)


@cache
def _by_template() -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries():
        groups.setdefault(entry.template, []).append(entry)
    return groups


def _query(choice: Choice, entry: Entry) -> dict[str, str]:
    return {"entry": entry.name, "locale": choice.locale, "scheme": choice.scheme}
