"""The gateway as a Flask application: blueprints, security headers and error answers; no routes of its own."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException

from portal.sandbox_gateway import api, challenge_views, control, page_api, page_parts, page_views, start_page
from portal.sandbox_gateway.errors import Refused
from portal.sandbox_gateway.gateway import EXTENSION, open_gateway, running_gateway

LARGEST_BODY = 64 * 1024


def create_app(database: Path, public_url: str = "http://localhost") -> Flask:
    """The application on one SQLite file; `public_url` is the origin written into the addresses it gives out."""
    app = Flask(__name__, static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    if isinstance(app.json, DefaultJSONProvider):
        app.json.ensure_ascii = app.json.sort_keys = False
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.extensions[EXTENSION] = open_gateway(database, public_url)
    for part in (api, page_api, control, start_page, page_views, challenge_views):
        app.register_blueprint(part.blueprint)
    app.register_error_handler(Refused, _answer_refusal)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.before_request(_settle_due)
    app.after_request(_add_headers)
    return app


def _settle_due() -> None:
    if request.endpoint != "static":
        running_gateway().settle_due()


def _answer_refusal(refusal: Refused) -> tuple[Response, int]:
    return jsonify(error={"code": refusal.code, "message": refusal.message}), refusal.status


def _answer_http_error(error: HTTPException) -> Response | tuple[Response, int]:
    status = error.code or 500
    if request.path.startswith(("/v1/", "/control/", "/ledger")):
        code = error.name.lower().replace(" ", "_")
        return jsonify(error={"code": code, "message": error.description or error.name}), status
    return page_parts.error_page(status)


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", page_parts.page_policy())
    headers.setdefault("Referrer-Policy", "same-origin")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    if request.endpoint == "static":
        headers["Cache-Control"] = "public, max-age=300"
    else:
        headers["Cache-Control"] = "no-store"
    return response
