"""What a page weighs stays within what was promised, on both databases: statements, bytes, and all that a first visit fetches."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.app import create_app
from portal.database import Database
from portal.settings import Settings
from tests.bench.report import AIM_BEFORE_PAINT, AIM_BYTES, AIM_GZIPPED, AIM_REQUESTS, AIM_STATEMENTS, AIM_VISIT
from tests.bench.seeding import MANY, SLUG, Signed, seed
from tests.bench.weights import Weight, weigh
from tests.support.bundled import bundled_static_files

# Not those refunded alone: each of them has a second row for its refund.
PAGES = ("/", "/payments", "/payments?status=failed", "/invoices", "/invoices?status=paid")


@pytest.fixture
def busy(database: Database, settings: Settings) -> Signed:
    """A customer with ten thousand payments, one in ten failed and one in ten refunded."""
    return seed(database, settings, others=500)[MANY]


def test_pages_of_a_full_account_stay_light(busy: Signed, settings: Settings):
    app = create_app(settings)

    weights = {path: _weigh(app, path, f"portal_{SLUG}={busy.token}") for path in PAGES}
    weights["/sign-in"] = _weigh(app, "/sign-in", "")

    assert {path: weight.statements for path, weight in weights.items() if weight.statements > AIM_STATEMENTS} == {}
    assert {path: weight.page_bytes for path, weight in weights.items() if weight.page_bytes > AIM_BYTES} == {}
    assert {path: weight.page_gzipped for path, weight in weights.items() if weight.page_gzipped > AIM_GZIPPED} == {}
    assert {path: weight.visit_gzipped for path, weight in weights.items() if weight.visit_gzipped > AIM_VISIT} == {}
    assert {path for path, weight in weights.items() if weight.requests_before_paint > AIM_REQUESTS} == set()
    # With two round trips of 300 ms that is less than a second at 1 Mbit/s, and the scripts have no part in it.
    assert {
        path: weight.bytes_before_paint
        for path, weight in weights.items()
        if weight.bytes_before_paint > AIM_BEFORE_PAINT
    } == {}
    styles = [file.body for name, file in bundled_static_files().files.items() if name.endswith(".css")]
    assert not [style for style in styles if b"@import" in style or b"@font-face" in style]


def _weigh(app: Flask, path: str, cookie: str) -> Weight:
    database: Database = app.extensions["portal_runtime"].services.database
    try:
        return weigh(app, database, f"/{SLUG}{path}", cookie)
    finally:
        database.dispose()
