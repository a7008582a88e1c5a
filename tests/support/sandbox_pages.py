"""Fetching pages of the sandbox gateway in tests; each is checked for valid HTML, no scripts, and all headers."""

from __future__ import annotations

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.page_checks import page_faults


def fetch_page(client: FlaskClient, path: str, status: int = 200) -> TestResponse:
    """Fetch a page and check what holds for all of them."""
    response = client.get(path)
    assert response.status_code == status
    assert_is_sound(response)
    return response


def assert_is_sound(response: TestResponse) -> None:
    # The gateway has no session cookie, and so no CSRF token: see the test of a form of another site.
    assert [fault for fault in page_faults(response.text) if "csrf_token" not in fault] == []
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
