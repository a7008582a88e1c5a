"""Looking at a page of the sandbox gateway in a test: sound HTML, no script, and all headers."""

from __future__ import annotations

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.page_checks import page_faults


def look(client: FlaskClient, path: str, status: int = 200) -> TestResponse:
    """Fetch a page, and check all that holds for each."""
    response = client.get(path)
    assert response.status_code == status
    assert_is_sound(response)
    return response


def assert_is_sound(response: TestResponse) -> None:
    # The gateway has no cookie a forged form could ride on, so no token either: see the test of another site's form.
    assert [fault for fault in page_faults(response.text) if "csrf_token" not in fault] == []
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
