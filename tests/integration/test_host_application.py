"""The portal mounted in a host that has a login, a session, CSRF protection, languages, templates and error pages of its own:
neither sees anything of the other's."""

from __future__ import annotations

import json

import pytest
from flask import Flask, Response, current_app, g

from portal import Portal
from portal.database import Database
from portal.errors import NotFound
from portal.extension import EXTENSION, LoginConflict, NotMounted
from portal.services import Services
from portal.settings import SettingsFault
from tests.conftest import SECRET_KEY
from tests.support.accounts import make_account
from tests.support.hosts import HTTPS, OpenShop, Shop, build_host, dispose, mount
from tests.support.page_client import SAME_ORIGIN, PageClient


@pytest.fixture
def shop(open_shop: OpenShop) -> Shop:
    return open_shop()


# --- the way in ---


def test_host_signs_its_own_user_in(shop: Shop) -> None:
    page = shop.sign_in().get("/billing/payments")

    assert "Maya Lindqvist" in page.text


def test_address_signs_in_once(shop: Shop) -> None:
    address = shop.portal.sign_in_url(shop.account.scope.customer_id, next="/payments")
    shop.client().submit(shop.client().get(address))

    assert shop.client().get(address, status=410).status == 410


def test_address_for_nobody_is_not_minted(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.portal.sign_in_url("cus_" + "0" * 22)


def test_target_elsewhere_leads_to_the_overview(shop: Shop) -> None:
    client = shop.client()
    page = client.get(shop.portal.sign_in_url(shop.account.scope.customer_id, next="//evil.example"))

    assert client.submit(page).path == "/billing/"


def test_host_links_into_the_portal(shop: Shop) -> None:
    assert shop.portal.url_for("payments") == "/billing/payments"
    assert shop.portal.url_for("payments", status="failed") == "/billing/payments?status=failed"
    assert shop.portal.url_for("payments", external=True) == "http://127.0.0.1:5000/billing/payments"
    with shop.app.test_request_context("/", base_url="https://shop.example/de"):
        assert shop.portal.url_for("invoice", invoice_id="inv_1") == "/de/billing/invoices/inv_1"
    assert shop.app.extensions[EXTENSION] is shop.portal


# --- neither sees the other ---


def test_shops_user_is_nobody_in_the_portal(shop: Shop) -> None:
    client = shop.client()
    client.client.post("/login", headers=SAME_ORIGIN, data={"csrf_token": client.client.get("/token").text})
    assert client.client.get("/account").text == "1 three apples"

    assert client.client.get("/billing/payments").headers["Location"] == "/billing/sign-in?next=/payments"


def test_portals_customer_is_nobody_in_the_shop(shop: Shop) -> None:
    client = shop.client()
    client.submit(client.get(shop.portal.sign_in_url(shop.account.scope.customer_id)))

    assert client.client.get("/account").status_code == 302
    assert "nobody" in client.client.get("/").text


def test_both_sessions_live_side_by_side_and_end_apart(shop: Shop) -> None:
    client = shop.sign_in()
    before = shop_cookies(client)
    assert set(before) == {"session", "remember_token"}

    client.submit(client.get("/billing/payments"), "Sign out")

    assert shop_cookies(client) == before
    assert client.client.get("/account").text == "1 three apples"
    assert client.client.get("/billing/payments").status_code == 303


def shop_cookies(client: PageClient) -> dict[str, str]:
    cookies = {name: client.client.get_cookie(name) for name in ("session", "remember_token")}
    return {name: cookie.value for name, cookie in cookies.items() if cookie is not None}


def test_portal_keeps_its_cookies_to_its_prefix(shop: Shop) -> None:
    client = shop.client()
    page = client.get(shop.portal.sign_in_url(shop.account.scope.customer_id))
    answer = client.post(page.form().action, page.form().fields)
    cookies = page.response.headers.getlist("Set-Cookie") + answer.headers.getlist("Set-Cookie")

    names = sorted(cookie.partition("=")[0] for cookie in cookies)
    assert names == ["portal_acme", "portal_browser_acme", "portal_known_acme"]
    assert all("Path=/billing" in cookie for cookie in cookies)
    assert "Clear-Site-Data" not in answer.headers


def test_shops_cookie_is_neither_read_nor_written(shop: Shop) -> None:
    client = shop.client().client
    client.set_cookie("session", "not even a session")
    client.set_cookie("remember_token", "1|forged")

    answer = client.get("/billing/sign-in")

    assert answer.status_code == 200
    assert not any(
        cookie.startswith(("session=", "remember_token=")) for cookie in answer.headers.getlist("Set-Cookie")
    )


def test_shops_csrf_token_means_nothing_to_the_portal(shop: Shop) -> None:
    client = shop.sign_in().client
    token = client.get("/token").text

    assert client.post("/billing/sign-out", data={"csrf_token": token}).status_code == 403
    assert client.post("/login", data={"csrf_token": "none"}).status_code == 400


def test_portal_pages_use_their_own_templates(shop: Shop) -> None:
    client = shop.sign_in()

    page = client.get("/billing/")

    assert "The shop" not in page.html
    assert "X-Shop" not in page.response.headers
    assert "Zahlungen" not in page.html


def test_shops_pages_keep_their_own_templates_headers_and_language(shop: Shop) -> None:
    answer = shop.client().client.get("/")

    assert "The shop" in answer.text
    assert answer.headers["X-Shop"] == "yes"
    assert "Content-Security-Policy" not in answer.headers


def test_languages_are_chosen_apart(shop: Shop) -> None:
    client = shop.sign_in()

    page = client.get("/billing/payments?locale=fr")

    assert page.all("html")[0].get("lang") == "fr"
    assert "Payments, 1" in client.client.get("/").text


def test_each_answers_what_is_missing_with_its_own_page(shop: Shop) -> None:
    client = shop.client()

    assert "Nothing at this address" in client.get("/billing/nothing", status=404).headline
    assert client.client.get("/nothing").text == "the shop has no such page"
    assert client.client.get("/billings").text == "the shop has no such page"


def test_failure_in_the_portal_is_the_portals_page(shop: Shop) -> None:
    assert shop.portal.app is not None

    def fail(**_: object) -> Response:
        g.touched = True
        raise RuntimeError("inside")

    shop.portal.app.view_functions["portal.sign_in"] = fail

    page = shop.client().get("/billing/sign-in", status=500)

    assert page.headline == "Something went wrong on our side"
    assert "inside" not in page.html


def test_static_files_and_probes_lie_under_the_prefix(shop: Shop) -> None:
    client = shop.client()
    page = client.get("/billing/sign-in")
    (sheet, *_) = [link.get("href", "") for link in page.all("link") if link.get("rel") == "stylesheet"]

    assert sheet.startswith("/billing/static/")
    assert client.client.get(sheet).status_code == 200
    assert client.client.get("/billing/readyz").status_code == 200
    assert client.client.get("/readyz").status_code == 404


def test_merchant_of_the_mount_is_the_only_one(shop: Shop, services: Services) -> None:
    make_account(services, "savane")

    assert shop.client().client.get("/billing/savane/").status_code == 404


# --- proxies: the host decides, in whatever order it is put together ---


@pytest.mark.parametrize("proxy", ["before", "after"])
def test_portal_sees_the_client_that_the_shop_sees(open_shop: OpenShop, proxy: str) -> None:
    shop = open_shop(proxy)
    client = shop.app.test_client()
    path = shop.portal.sign_in_url(shop.account.scope.customer_id)

    answer = client.post(path, headers={**HTTPS, "Origin": "https://shop.example"})

    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if "portal_acme=" in each]
    assert cookie.startswith("__Secure-portal_acme=")
    assert "; Secure;" in cookie
    assert "Path=/billing" in cookie
    assert client.post(path, headers={**HTTPS, "Origin": "http://shop.example"}).status_code == 403


@pytest.mark.parametrize("proxy", ["before", "after"])
def test_headers_of_a_proxy_that_is_not_there_are_not_believed(open_shop: OpenShop, proxy: str) -> None:
    client = open_shop().app.test_client()

    answer = client.get("/billing/sign-in", headers=HTTPS)

    assert all(not cookie.startswith("__") for cookie in answer.headers.getlist("Set-Cookie"))


# --- settings and commands ---


def test_hosts_secret_never_stands_in_for_the_portals(database: Database) -> None:
    app = Flask("shop", static_folder=None)
    app.config.update(SECRET_KEY="long enough to be a secret of the portal, but it is the host's")

    with pytest.raises(SettingsFault, match="PORTAL_SECRET_KEY"):
        Portal(app, merchant="acme")


def test_config_of_the_host_goes_before_the_environment(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_MAIL_FROM", "environment@shop.example")
    monkeypatch.setenv("PORTAL_LOG_LEVEL", "ERROR")
    app = build_host()
    app.config["PORTAL_MAIL_FROM"] = "config@shop.example"

    portal = mount(app, services)

    assert portal._services is not None
    settings = portal._services.settings
    portal._services.database.dispose()
    assert (settings.mail_from, settings.log_level) == ("config@shop.example", "ERROR")
    assert settings.page_url("acme", "/payments") == "http://127.0.0.1:5000/billing/payments"


def test_commands_run_with_the_hosts_settings(shop: Shop) -> None:
    result = shop.app.test_cli_runner().invoke(
        args=["portal", "session", "create", "--merchant", "acme", "--customer", shop.account.scope.customer_id]
    )

    assert result.exit_code == 0, result.output
    assert result.output.startswith("http://127.0.0.1:5000/billing/sign-in/session/")


def test_merchant_is_created_with_the_address_of_its_mount(services: Services) -> None:
    app = build_host()
    portal = mount(app, services, merchant="harbour")
    run, details = app.test_cli_runner(), ["--name", "Harbour", "--currency", "USD"]

    created = [run.invoke(args=["portal", "merchant", "create", slug, *details]) for slug in ("harbour", "elsewhere")]

    assert [each.exit_code for each in created] == [0, 0]
    assert json.loads(created[0].stdout)["url"] == "http://127.0.0.1:5000/billing"
    assert json.loads(created[1].stdout)["url"] is None
    assert created[1].stderr == "this application serves another merchant; mount elsewhere with a Portal of its own\n"
    dispose(portal)


def test_key_of_the_config_that_is_no_setting_is_in_the_hosts_log(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    app = build_host()
    app.config["PORTAL_SMPT_URL"] = "smtp://mail.example"

    dispose(mount(app, services))

    sentence = "setting.unknown: there is no setting PORTAL_SMPT_URL; did you mean PORTAL_SMTP_URL?"
    assert [record.getMessage() for record in caplog.records] == [sentence]


def test_doctor_examines_the_hosts_installation(shop: Shop) -> None:
    ran = shop.app.test_cli_runner().invoke(args=["portal", "doctor", "--ledger"])

    assert (ran.exit_code, ran.output.split()[:3]) == (0, ["ok", "ledger", "acme"])


@pytest.mark.parametrize("prefix", ["billing", "/", "/billing/", "", "/a//b"])
def test_prefix_that_cannot_be_is_refused(prefix: str) -> None:
    app = Flask("shop", static_folder=None)
    app.config["PORTAL_SECRET_KEY"] = SECRET_KEY
    if prefix == "":
        assert Portal()._url_prefix == "/billing"
        return

    with pytest.raises(SettingsFault, match="PORTAL_URL_PREFIX"):
        Portal(app, url_prefix=prefix, merchant="acme")


def test_portal_without_a_merchant_is_refused() -> None:
    app = Flask("shop", static_folder=None)
    app.config["PORTAL_SECRET_KEY"] = SECRET_KEY

    with pytest.raises(ValueError, match="merchant"):
        Portal(app)


def test_portal_that_is_not_mounted_says_so() -> None:
    with pytest.raises(NotMounted):
        Portal(merchant="acme").url_for("payments")
    with pytest.raises(NotMounted):
        Portal(merchant="acme").sign_in_url("cus_" + "0" * 22)


# --- the blueprint alone ---


@pytest.fixture
def environment(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("PORTAL_DATABASE_URL", services.database.url.render_as_string(hide_password=False))


def test_blueprint_serves_an_application_without_a_login(environment: None, services: Services) -> None:
    make_account(services)
    app = Flask("plain", static_folder=None)
    portal = Portal(url_prefix="/billing", merchant="acme")
    blueprint = portal.create_blueprint()
    app.register_blueprint(blueprint, url_prefix="/billing")
    client = PageClient(app.test_client())

    page = client.get("/billing/sign-in")

    assert blueprint.name == "portal"
    assert page.headline
    assert portal.url_for("payments") == "/billing/payments"
    assert client.client.get("/billing/payments").headers["Location"] == "/billing/sign-in?next=/payments"
    assert client.client.post("/billing/sign-in", headers={"Origin": "https://evil.example"}).status_code == 403
    dispose(portal)


def test_blueprint_refuses_an_application_with_a_login(environment: None, services: Services) -> None:
    portal = Portal(url_prefix="/billing", merchant="acme")
    app = build_host()

    with pytest.raises(LoginConflict):
        app.register_blueprint(portal.create_blueprint(), url_prefix="/billing")


def test_receivers_of_a_blueprint_have_the_application_in_the_threads_of_payments_too(
    environment: None, services: Services
) -> None:
    make_account(services)
    app = Flask("plain", static_folder=None)
    portal = Portal(url_prefix="/billing", merchant="acme")
    app.register_blueprint(portal.create_blueprint(), url_prefix="/billing")

    with portal._services_in_use.database.application_context():
        assert current_app.name == "plain"
    dispose(portal)
