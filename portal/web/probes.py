"""`/healthz`, `/readyz` and `/metrics`: for operators and their monitoring; no page, no merchant."""

from __future__ import annotations

import hmac

from flask import Flask, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from portal.migrations import is_current
from portal.web.policies import public
from portal.web.runtime import current_runtime

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def add_probes(app: Flask) -> None:
    """Add the three routes to the root of an application."""
    app.add_url_rule("/healthz", "healthz", show_health, methods=["GET"])
    app.add_url_rule("/readyz", "readyz", show_readiness, methods=["GET"])
    app.add_url_rule("/metrics", "metrics", show_metrics, methods=["GET"])


@public
def show_health() -> Response:
    """Report that the process is up; no other part is checked."""
    return _plain(jsonify(status="up"))


@public
def show_readiness() -> tuple[Response, int]:
    """Report whether requests can be served: the database is reachable and takes writes, and its schema is the one this code was
    written for."""
    runtime = current_runtime()
    database = runtime.services.database
    try:
        is_ready, is_reachable = is_current(database), database.is_same_file()
    except SQLAlchemyError:
        is_ready = is_reachable = False
    if not is_reachable:
        return _plain(jsonify(status="unavailable", reason="the database does not answer")), 503
    if not is_ready:
        return _plain(jsonify(status="unavailable", reason="the schema is not current: run `portal db upgrade`")), 503
    if not runtime.write_proof.holds():
        return _plain(jsonify(status="unavailable", reason="the database takes no writes")), 503
    return _plain(jsonify(status="ready")), 200


@public
def show_metrics() -> Response:
    """Send the Prometheus text to this machine, or to a client with `METRICS_TOKEN`; a 404 to everybody else."""
    runtime = current_runtime()
    if not _may_read_metrics(runtime.services.settings.metrics_token.get_secret_value()):
        raise NotFound
    with runtime.services.database.read() as reader:
        text = runtime.render_metrics(runtime.counts, runtime.renderer.fallbacks, reader, runtime.services.clock.now())
    return _plain(Response(text, content_type=_METRICS))


def _may_read_metrics(token: str) -> bool:
    if token:
        sent = request.headers.get("Authorization", "")
        return hmac.compare_digest(sent.encode("utf-8", "replace"), f"Bearer {token}".encode())
    # A request that a proxy on this machine forwards comes from this machine too, but has a header that says so.
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return request.remote_addr in _LOOPBACK and not is_forwarded


def _plain(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
