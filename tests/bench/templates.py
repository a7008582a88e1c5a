"""`python -m tests.bench.templates`: what fast escaping saves of a whole request, with and without it in one process by turns."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from portal.app import create_app
from portal.database import Database
from portal.rendering.renderer import Renderer
from portal.settings import Settings
from tests.bench.seeding import MANY, SLUG, bench_settings, seed, session_cookie

_PAGES = {"history": "/payments", "invoices": "/invoices", "overview": "/"}
_PAYMENTS_OF_OTHERS = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.templates", description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="pairs of each page (default 400)")
    parser.add_argument("--requests", type=int, default=3, help="requests of a page with either setting a round")
    options = parser.parse_args()
    with _portal() as (app, cookie):
        runtime = app.extensions["portal_runtime"]
        with_it, without = (Renderer(runtime.renderer.themes, fast_escaping=fast) for fast in (True, False))
        print(
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()},"
            f" SQLite, {options.rounds} rounds of {options.requests} requests, load average {os.getloadavg()[0]:.1f}"
        )
        print("CPU of a whole request with fast escaping by one without (median, and the middle half of the rounds)")
        for name, path in _PAGES.items():
            seconds: dict[Renderer, list[float]] = {with_it: [], without: []}
            for number in range(-3, options.rounds):
                for renderer in (with_it, without) if number % 2 else (without, with_it):
                    runtime.renderer = renderer
                    spent = _processor_seconds(app, f"/{SLUG}{path}", cookie, options.requests)
                    if number >= 0:  # Templates are compiled and caches filled in the rounds before.
                        seconds[renderer].append(spent)
            _print_ratio(name, seconds[with_it], seconds[without])
    return 0


@contextmanager
def _portal() -> Iterator[tuple[Flask, str]]:
    """An application over a new SQLite database, and the cookie of the customer with many payments."""
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        raw = bench_settings(f"sqlite:///{Path(folder) / 'templates'}.db")
        settings = Settings.load(raw)
        database = Database(raw["PORTAL_DATABASE_URL"])
        customers = seed(database, settings, _PAYMENTS_OF_OTHERS)
        database.dispose()
        app = create_app(settings)
        yield app, session_cookie(customers[MANY])
        app.extensions["portal_runtime"].services.database.dispose()


def _processor_seconds(app: Flask, path: str, cookie: str, requests: int) -> float:
    """Processor seconds that a request of this process takes, the database's included."""
    environs = [EnvironBuilder(path=path, headers=[("Cookie", cookie)]).get_environ() for _ in range(requests)]
    started = time.process_time()
    for environ in environs:
        _, status, _ = run_wsgi_app(app.wsgi_app, environ)
        assert status.startswith("200"), f"{path} answers {status}"
    return (time.process_time() - started) / requests


def _print_ratio(name: str, with_it: list[float], without: list[float]) -> None:
    ratios = [one / other for one, other in zip(with_it, without, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(
        f"  {name:10} {median:.3f} ({low:.3f}–{high:.3f})   {statistics.median(with_it) * 1000:.2f} ms by"
        f" {statistics.median(without) * 1000:.2f} ms; least {min(with_it) * 1000:.2f} by {min(without) * 1000:.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
