"""The demo's start page and its caught mail, and the limits that it raises because all its customers share one IP address."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from portal.clock import MovableClock
from portal.demo.example_data import EXAMPLE_MERCHANTS, ExampleMerchant
from portal.demo.mail_catcher import HOST, start_mail_catcher
from portal.demo.processes import RAISED_LIMITS
from portal.services import Services
from portal.settings import Settings
from tests.conftest import SECRET_KEY
from tests.support.accounts import make_account
from tests.support.apps import app_on
from tests.support.mail_catcher import MailCatcher
from tests.support.page_client import PageClient
from tests.support.site import ADDRESS, Site, make_site


@pytest.mark.parametrize("example", EXAMPLE_MERCHANTS, ids=lambda example: example.slug)
def test_start_page_lists_the_example_customers_with_a_description(
    services: Services, tmp_path: Path, example: ExampleMerchant
) -> None:
    customers = [*example.customers, example.options_customer, example.new_customer]
    merchant_id = ""
    for details in customers:
        account = make_account(services, example.slug, merchant_id=merchant_id, name=details.name, email=details.email)
        merchant_id = account.scope.merchant_id

    demo = services.settings.model_copy(update={"demo": True, "demo_mail_dir": str(tmp_path)})
    page = PageClient(app_on(replace(services, settings=demo)).test_client()).get("/")

    assert all((details.name or "") in page.text and (details.email or "") in page.text for details in customers)
    assert "Every way to pay: a deposit" in page.text
    assert "New here" in page.text
    assert "A person of two accounts" not in page.text


def test_start_page_lists_the_person_of_two_accounts_once_it_is_there(services: Services, tmp_path: Path) -> None:
    account = make_account(services)
    (acme,) = [example for example in EXAMPLE_MERCHANTS if example.slug == "acme"]
    account.person("payer", acme.person[1])

    demo = services.settings.model_copy(update={"demo": True, "demo_mail_dir": str(tmp_path)})
    page = PageClient(app_on(replace(services, settings=demo)).test_client()).get("/")

    assert f"{acme.person[0]}{acme.person[1]}A person of two accounts" in page.text


def test_demo_raises_the_limit_of_prompts_to_one_phone() -> None:
    usual, raised = (
        Settings.load({"PORTAL_SECRET_KEY": SECRET_KEY}),
        Settings.load({"PORTAL_SECRET_KEY": SECRET_KEY, **RAISED_LIMITS}),
    )

    assert raised.payment_prompts_per_phone_per_hour == raised.payment_attempts_per_customer_per_hour == 1000
    assert usual.payment_prompts_per_phone_per_hour == 6


# --- caught mail ---


@pytest.fixture
def demo(services: Services, tmp_path: Path) -> Iterator[tuple[PageClient, Site]]:
    """A browser of the demo's pages, and a portal whose mail its catcher catches."""
    controller, port = start_mail_catcher(tmp_path / "mail")
    try:
        settings = services.settings.model_copy(update={"demo": True, "demo_mail_dir": str(tmp_path / "mail")})
        site = make_site(services.database, settings, MovableClock(), MailCatcher(f"smtp://{HOST}:{port}"))
        yield PageClient(site.app.test_client()), site
    finally:
        controller.stop()


def test_caught_mail_is_shown_as_html_in_a_frame_beside_its_text(demo: tuple[PageClient, Site]) -> None:
    browser, site = demo
    site.request_sign_in(site.browser())
    site.deliver()

    page = browser.get("/demo/mail")

    (frame,) = re.findall(r"<iframe[^>]*>", page.html)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame and "title=" in frame
    assert "is your code for Acme" in page.text and "http://127.0.0.1:5000/acme/sign-in/link/" in page.html
    assert policy_of(page.response)["frame-src"] == "'self'"


def test_html_of_a_mail_runs_nothing_and_fetches_nothing(demo: tuple[PageClient, Site]) -> None:
    browser, site = demo
    site.request_sign_in(site.browser())
    site.deliver()
    (address,) = re.findall(r'<iframe[^>]* src="([^"]*)"', browser.get("/demo/mail").html)

    shown = site.app.test_client().get(address)

    assert shown.status_code == 200 and "Sign in to Acme" in shown.text
    assert policy_of(shown) == {
        "default-src": "'none'", "style-src": "'unsafe-inline'", "img-src": "data:", "form-action": "'none'", "base-uri": "'none'",
        "frame-ancestors": "'self'", "sandbox": "allow-popups allow-popups-to-escape-sandbox",
    }  # fmt: skip
    assert shown.headers["Cache-Control"] == "no-store" and shown.headers["Referrer-Policy"] == "no-referrer"
    assert "cid:" not in shown.text and shown.text.count("data:image/png;base64,") == 2


@pytest.mark.parametrize("key", ["0", "..", "a" * 16, "%2e%2e%2fportal.db"])
def test_mail_that_is_not_there_is_a_404(demo: tuple[PageClient, Site], key: str) -> None:
    _, site = demo

    assert site.app.test_client().get(f"/demo/mail/{key}").status_code == 404


def test_json_of_the_mails_keeps_its_shape(demo: tuple[PageClient, Site]) -> None:
    _, site = demo
    site.request_sign_in(site.browser())
    site.deliver()

    (mail,) = json.loads(site.app.test_client().get("/demo/mail.json").text)

    assert set(mail) == {"to", "subject", "text", "html", "at"}
    assert mail["to"] == ADDRESS and "Sign in to Acme" in mail["html"] and "cid:" not in mail["html"]


def test_code_stands_alone_on_its_line_in_the_json_of_a_mail_of_any_language(demo: tuple[PageClient, Site]) -> None:
    _, site = demo
    site.change_customer(site.scope, locale="ar")
    site.request_sign_in(site.browser())
    site.deliver()

    (mail,) = json.loads(site.app.test_client().get("/demo/mail.json").text)

    assert re.search(r"^[A-Z]{4}-[A-Z]{4}$", mail["text"], re.MULTILINE)


def policy_of(response: Response) -> dict[str, str]:
    (text,) = response.headers.getlist("Content-Security-Policy")
    return dict(part.strip().partition(" ")[::2] for part in text.split(";"))
