"""A template of a theme that fails is ours to the customer: never an error, counted, and logged once without a word about anybody."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from portal.app import create_app
from portal.assets import TEMPLATES
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.theming.themes import load_themes
from tests.support import customers
from tests.support.accounts import Account, make_account

START = (
    '{% extends "layouts/account.html" %}{% block title %}Payments{% endblock %}{% block content %}<h1>Payments</h1>'
)
SOUND = START + "<p>In our own words</p>{% endblock %}"
FAILING = START + "{{ customer.name }}{% endblock %}"
DATA_IN_MESSAGE = START + "{{ {}[shell.customer_name] }}{{ shell.customer_name|int / 0 }}{% endblock %}"
WriteTemplate = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> WriteTemplate:
    """Writes a file of the theme "loud", at once, as an editor or a deployment does."""

    def write_file(name: str, text: str) -> None:
        path = tmp_path / "themes" / "loud" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(text)
        draft.rename(path)

    write_file("theme.toml", 'name = "Loud"\n')
    return write_file


def _app(services: Services, tmp_path: Path, *, renewed: bool = False) -> Flask:
    themes = load_themes([tmp_path / "themes"])
    assert themes.faults == ()
    return create_app(services=services, renderer=Renderer(themes, reload_templates=renewed))


@pytest.fixture
def account(services: Services) -> Account:
    with services.database.unit_of_work() as session:
        merchant_id = customers.add_merchant(session, at=services.clock.now(), theme="loud")
    return make_account(services, merchant_id=merchant_id)


def test_page_whose_template_fails_is_ours_and_counted(services, account, write, tmp_path, caplog):
    write("templates/payments/list.html", FAILING)
    app = _app(services, tmp_path)
    client = account.sign_in(app)

    with caplog.at_level(logging.ERROR):
        pages = [client.get("/acme/payments", headers=headers) for headers in ({}, {"HX-Request": "true"})]

    assert [page.status for page in pages] == [200, 200]
    assert "No payments yet" in pages[0].text
    metrics = app.test_client().get("/metrics").text
    assert 'portal_theme_fallbacks_total{process="' in metrics
    assert 'template="payments/list.html",theme="loud"} 2.0' in metrics
    (record,) = (each for each in caplog.records if each.message == "theme.template_failed")
    assert vars(record)["reason"] == "UndefinedError"
    assert vars(record)["place"].endswith("templates/payments/list.html:1")


def test_log_of_a_failure_has_no_word_of_its_message(services, account, write, tmp_path, caplog):
    write("templates/payments/list.html", DATA_IN_MESSAGE)

    account.sign_in(_app(services, tmp_path)).get("/acme/payments")

    fields = {name: value for record in caplog.records for name, value in vars(record).items() if name != "exc_info"}
    assert fields["template"] == "payments/list.html" and "Maya" not in str(fields) and "maya" not in str(fields)


def test_page_that_the_theme_draws_is_the_themes(services, account, write, tmp_path):
    write("templates/payments/list.html", SOUND)

    assert "In our own words" in account.sign_in(_app(services, tmp_path)).get("/acme/payments").text


def test_theme_that_breaks_under_load_is_never_an_error(services, account, write, tmp_path):
    write("templates/payments/list.html", SOUND)
    app = _app(services, tmp_path, renewed=True)
    is_over = threading.Event()
    statuses: list[int] = []
    shown: set[bool] = set()

    def read() -> None:
        client = account.sign_in(app)
        while not is_over.is_set():
            page = client.get("/acme/payments")
            statuses.append(page.status)
            shown.add("In our own words" in page.text)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for text in (FAILING, "{% if %}", SOUND, DATA_IN_MESSAGE, "{{ 1 / 0 }}", SOUND, "{% extends 'gone.html' %}"):
        time.sleep(0.25)
        write("templates/payments/list.html", text)
    time.sleep(0.25)
    is_over.set()
    for reader in readers:
        reader.join()

    assert set(statuses) == {200} and len(statuses) > 20
    assert shown == {True, False}


def test_failure_of_our_own_template_stays_an_error(services, account, write, tmp_path, monkeypatch):
    write("templates/payments/list.html", FAILING)
    bundled = tmp_path / "bundled"
    shutil.copytree(TEMPLATES, bundled)
    (bundled / "payments" / "list.html").write_text(FAILING)
    renderer = Renderer(load_themes([tmp_path / "themes"]), templates=bundled)
    app = create_app(services=services, renderer=renderer)

    account.sign_in(app).get("/acme/payments", status=500)
    assert renderer.fallbacks.counts == {}
