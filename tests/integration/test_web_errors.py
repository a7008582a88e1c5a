"""What is shown and logged when something is wrong: one page a kind, one line, nothing of the inside."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from jinja2 import TemplateNotFound
from sqlalchemy.exc import OperationalError

from portal.app import create_app
from portal.database import Database
from portal.errors import PortalError
from portal.json_logs import JsonLines
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.web.errors import TooManyRequests
from tests.support.accounts import Account, make_account
from tests.support.bundled import bundled_renderer
from tests.support.page_client import SAME_ORIGIN, PageClient

SECRET = "maya@lindqvist.example 4242424242424242"
NUMBER = re.compile(r"[0-9A-F]{4}-[0-9A-F]{4}")


class Full(PortalError):
    """A failure of ours that a domain names."""

    status = 503
    sentence = "The shelf is full."


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def signed_in(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


@pytest.fixture
def failing(app: Flask) -> Callable[[Exception], None]:
    """Makes the list of payments fail."""

    def fail_with(fault: Exception) -> None:
        def view() -> Response:
            raise fault

        app.view_functions["portal.payments"] = view

    return fail_with


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The log as the standalone application writes it."""
    written: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(JsonLines().format(record))

    handler = Recorder()
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_unexpected_failure_shows_a_number_and_nothing_else(
    signed_in: PageClient, failing: Callable[[Exception], None], lines: list[str]
) -> None:
    failing(RuntimeError(SECRET))

    page = signed_in.get("/acme/payments", status=500)

    assert page.headline == "Something went wrong on our side"
    assert "Acme" in page.html
    assert SECRET not in page.html
    assert "Traceback" not in page.html
    (line,) = lines
    number = NUMBER.search(page.text)
    assert number
    assert f'"number": "{number[0]}"' in line
    assert '"error": "builtins.RuntimeError"' in line
    assert "in view" not in line
    assert "test_web_errors.py" in line


def test_log_of_a_failure_holds_nothing_that_a_person_typed(
    signed_in: PageClient, failing: Callable[[Exception], None], lines: list[str], account: Account
) -> None:
    failing(RuntimeError(SECRET))

    signed_in.client.get(
        f"/acme/payments?q={SECRET}", headers={"User-Agent": SECRET, "Referer": f"http://localhost/{SECRET}"}
    )

    text = "\n".join(lines)
    for personal in ("maya@", "4242424242424242", "lindqvist", "Maya", account.scope.customer_id):
        assert personal not in text


def test_failure_that_a_domain_names_is_logged_and_shown(
    signed_in: PageClient, failing: Callable[[Exception], None], lines: list[str]
) -> None:
    failing(Full())

    page = signed_in.get("/acme/payments", status=503)

    assert page.headline == "Something went wrong on our side"
    assert '"event": "request.failed"' in lines[0]


def test_expected_failure_is_not_logged(
    signed_in: PageClient, failing: Callable[[Exception], None], lines: list[str]
) -> None:
    failing(TooManyRequests(90))

    page = signed_in.get("/acme/payments", status=429)

    assert page.response.headers["Retry-After"] == "90"
    assert "10:43" in page.text
    assert lines == []


def test_page_appears_without_the_database(
    app: Flask, account: Account, services: Services, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = account.sign_in(app)
    client.get("/acme/payments")

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("select 1", {}, Exception("the server is away"))

    services.database.dispose()
    monkeypatch.setattr(services.database.reader, "connect", gone)

    for path in ("/acme/payments", "/acme/sign-in", "/savane/"):
        answer = client.client.get(path)

        assert answer.status_code == 503, path
        assert "Something went wrong on our side" in answer.text
        assert "select 1" not in answer.text
        assert answer.headers["Content-Security-Policy"]
    assert "away" not in "".join(lines)


def test_error_page_that_cannot_be_drawn_is_still_an_answer(
    signed_in: PageClient, failing: Callable[[Exception], None], lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_template(*_: object, **__: object) -> str:
        raise TemplateNotFound("errors/broken.html")

    failing(RuntimeError("inside"))
    monkeypatch.setattr(Renderer, "render", no_template)

    answer = signed_in.client.get("/acme/payments")

    assert answer.status_code == 500
    assert NUMBER.search(answer.text)
    assert answer.headers["Content-Security-Policy"]
    assert len(lines) == 2


@pytest.mark.parametrize("path", ["/acme/nothing", "/acme/payments/pay_x", "/acme/invoices/inv_x"])
def test_missing_page_has_the_merchants_theme(signed_in: PageClient, path: str) -> None:
    page = signed_in.get(path, status=404)

    assert page.headline == "Nothing at this address"
    assert "Acme" in page.html
    assert page.link("Français") == "/acme/?locale=fr"


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/x/y.css", "/dashboard/", "/nothing/at/all"])
def test_missing_page_of_no_merchant_has_the_portals_own(
    app: Flask, services: Services, account: Account, path: str
) -> None:
    answer = app.test_client().get(path, follow_redirects=True)

    assert answer.status_code == 404
    assert "Acme" not in answer.text
    assert "portal" not in "".join(answer.headers.getlist("Set-Cookie"))


def test_missing_page_is_in_the_readers_language(app: Flask, account: Account) -> None:
    client = PageClient(app.test_client())

    assert client.get("/acme/nothing", status=404, accept_language="fr").all("html")[0].get("lang") == "fr"
    assert client.get("/nobody/nothing", status=404, accept_language="fr").all("html")[0].get("lang") == "fr"


def test_refused_form_says_how_to_go_on(signed_in: PageClient) -> None:
    headers = {"Sec-Fetch-Site": "same-site", "Referer": "http://localhost/acme/payments?status=failed"}
    answer = signed_in.client.post("/acme/sign-out", headers=headers)

    assert answer.status_code == 403
    assert 'href="/acme/payments?status=failed"' in answer.text
    assert signed_in.get("/acme/payments").status == 200


def test_refused_method_says_which_there_are(signed_in: PageClient) -> None:
    answer = signed_in.client.post("/acme/payments", headers=SAME_ORIGIN)

    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})


def test_webhook_error_is_plain_text(app: Flask, account: Account) -> None:
    client = app.test_client()

    unsigned = client.post("/hooks/acme/sandbox", json={}, headers={"Origin": "https://gateway.example"})
    unknown = client.post("/hooks/nobody/sandbox", json={})

    assert unsigned.status_code == 400
    assert (unknown.status_code, unknown.text) == (404, "404\n")


# --- pages that another site wants as a part of its own (threats 64) ---


@pytest.mark.parametrize("dest", ["image", "script", "style", "empty", "object", "embed", "audio", "font"])
def test_other_sites_learn_nothing_from_what_they_load(app: Flask, account: Account, dest: str) -> None:
    client = account.sign_in(app).client
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": dest}
    own, missing = account.invoice(), "inv_" + "0" * 22

    answers = [client.get(f"/acme/invoices/{invoice}", headers=headers) for invoice in (own, missing)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert len({NUMBER.sub("", answer.text) for answer in answers}) == 1
    assert all(answer.headers["Cross-Origin-Resource-Policy"] == "same-origin" for answer in answers)
    assert all("Access-Control-Allow-Origin" not in answer.headers for answer in answers)


def test_link_from_another_site_is_followed(signed_in: PageClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert signed_in.client.get("/acme/payments", headers=headers).status_code == 200


def test_nobody_reads_from_another_origin(client_of: Callable[[], FlaskClient]) -> None:
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        answer = client_of().get("/acme/sign-in", headers={"Origin": origin})

        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.fixture
def client_of(app: Flask, account: Account) -> Callable[[], FlaskClient]:
    return lambda: app.test_client()


def test_schema_that_is_missing_is_no_reason_not_to_start(
    bare_database: Database, services: Services, lines: list[str]
) -> None:
    bare = Services(services.settings, bare_database, services.gateways, services.method_users, services.clock)

    answer = create_app(services=bare, renderer=bundled_renderer()).test_client().get("/acme/")

    assert answer.status_code in (500, 503)
    assert "Something went wrong on our side" in answer.text
    # Our own calling line is in the log, however deep in a library the error was raised.
    assert "portal/merchants/queries.py" in lines[-1]


def test_missing_page_keeps_the_navigation_of_who_is_signed_in_and_of_nobody_else(
    app: Flask, services: Services
) -> None:
    account = make_account(services)
    theirs = make_account(services, merchant_id=account.scope.merchant_id).method()
    pages = account.sign_in(app)

    for path in ("/acme/nothing", f"/acme/payment-methods/{theirs}", "/acme/payments/pay_x"):
        page = pages.get(path, status=404)
        assert page.headline == "Nothing at this address"
        assert page.link("Payment methods") == "/acme/payment-methods"
        assert 'aria-current="page"' not in page.html
    assert "Sign out" not in PageClient(app.test_client()).get("/acme/nothing", status=404).text
