"""The Flask application: blueprints, security headers and error responses; no routes of its own."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException

from portal.sandbox_gateway import api, challenge_views, control_api, page_api, page_rendering, page_views, start_page
from portal.sandbox_gateway.errors import ApiError
from portal.sandbox_gateway.instance import EXTENSION, current_gateway, open_gateway

MAX_BODY_BYTES = 64 * 1024


def create_app(database: Path, public_url: str = "http://localhost") -> Flask:
    """The application on one SQLite file; `public_url` is the origin of the URLs in its responses."""
    app = Flask(__name__, static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    if isinstance(app.json, DefaultJSONProvider):
        app.json.ensure_ascii = app.json.sort_keys = False
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.extensions[EXTENSION] = open_gateway(database, public_url)
    for module in (api, page_api, control_api, start_page, page_views, challenge_views):
        app.register_blueprint(module.blueprint)
    app.register_error_handler(ApiError, _respond_to_api_error)
    app.register_error_handler(HTTPException, _respond_to_http_error)
    app.before_request(_complete_due)
    app.after_request(_add_headers)
    return app


def _complete_due() -> None:
    if request.endpoint != "static":
        current_gateway().complete_due()


def _respond_to_api_error(error: ApiError) -> tuple[Response, int]:
    return jsonify(error={"code": error.code, "message": error.message}), error.status


def _respond_to_http_error(error: HTTPException) -> Response | tuple[Response, int]:
    status = error.code or 500
    if request.path.startswith(("/v1/", "/control/", "/ledger")):
        code = error.name.lower().replace(" ", "_")
        return jsonify(error={"code": code, "message": error.description or error.name}), status
    return page_rendering.render_http_error(status)


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", page_rendering.page_policy())
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
