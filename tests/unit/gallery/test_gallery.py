"""The gallery: every template is there in every state, with what it is given field by field, in the theme as it is on the disk."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest
from flask.testing import FlaskClient

from portal.examples import example_shell, examples
from portal.gallery.app import create_gallery
from portal.gallery.entries import Choice, entries, find_entry, page_and_shell
from portal.gallery.fields import describe
from portal.theming.creation import create_theme
from portal.web import live_themes
from tests.support.bundled import bundled_themes

FIRST_OF_EACH = list({entry.template: entry.name for entry in reversed(entries())}.values())


@pytest.fixture(scope="module")
def gallery() -> FlaskClient:
    return create_gallery("savane").test_client()


def _own_fields(value: object) -> set[str]:
    return {each.name for each in fields(value)} if is_dataclass(value) and not isinstance(value, type) else set()


def test_every_example_has_an_entry_of_its_own():
    names = [entry.name for entry in entries()]

    assert len(set(names)) == len(names)
    assert {example.name for example in examples() if not example.template.startswith("demo/")} <= set(names)
    assert sum(entry.is_mail for entry in entries()) > 20


def test_every_field_that_a_template_is_given_is_listed_with_its_value():
    themes = bundled_themes()
    for entry in entries():
        page, shell = page_and_shell(entry, themes, Choice("acme", "en", "light"), "/static/x")
        listed = {row.path: row for row in describe(page)}
        assert _own_fields(page) <= set(listed), entry.name
        assert all(len(row.value) <= 80 for row in listed.values())
        assert entry.is_mail or _own_fields(shell) == _own_fields(example_shell(themes, theme="acme", locale="en"))


@pytest.mark.parametrize("name", FIRST_OF_EACH)
def test_each_template_is_shown_and_framed(gallery: FlaskClient, name: str):
    page = gallery.get("/", query_string={"entry": name, "locale": "ar", "scheme": "dark"})
    shown = gallery.get(f"/show/{name}?locale=ar&scheme=dark")

    assert page.status_code == shown.status_code == 200
    assert page.text.count(f"/show/{name}?locale=ar&amp;scheme=dark") == 3
    assert 'dir="rtl"' in shown.text
    entry = find_entry(name)
    assert entry is not None
    assert entry.is_mail or 'data-color-scheme="dark"' in shown.text
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]


def test_fields_of_the_page_and_of_the_values_in_it_are_on_the_page(gallery: FlaskClient):
    page = gallery.get("/?entry=sign-in-target").text

    assert "<code>page.target.path</code>" in page
    assert "<code>shell.brand.logo_shows_name</code>" in page


def test_theme_is_shown_under_its_own_name():
    page = create_gallery("nakhla").test_client().get("/show/overview?locale=ar").text

    assert bundled_themes().get("nakhla").brand.display_name in page


def test_what_is_not_there_is_a_404_and_a_strange_choice_is_the_plain_one(gallery: FlaskClient):
    assert gallery.get("/?entry=none").status_code == 404
    assert gallery.get("/show/none").status_code == 404
    assert "lead nowhere" in gallery.get("/acme/invoices").text
    assert 'data-color-scheme="light"' in gallery.get("/show/sign-in?scheme=x&locale=xx").text


def test_host_of_somebody_else_sees_nothing(gallery: FlaskClient):
    assert gallery.get("/", headers={"Host": "rebound.example"}).status_code == 400
    assert gallery.get("/", headers={"Host": "localhost:5080"}).status_code == 200


def test_theme_that_was_saved_is_shown_and_its_version_is_another(tmp_path, monkeypatch):
    folder = create_theme("bright", color="#00bcd4", into=tmp_path).folder
    client = create_gallery("bright", [tmp_path]).test_client()
    monkeypatch.setattr(live_themes, "_LOOK_EVERY_SECONDS", 0.0)
    before = client.get("/version").json
    stylesheet = _stylesheet(client)

    file = folder / "theme.toml"
    file.write_text(file.read_text().replace("#00bcd4", "#00bcd5"))

    assert client.get("/version").json != before
    assert _stylesheet(client) != stylesheet
    assert client.get(_stylesheet(client)).status_code == 200


def test_faults_of_the_theme_are_said_above_the_base_theme(tmp_path):
    folder = create_theme("bright", color="#00bcd4", into=tmp_path).folder
    file = folder / "theme.toml"
    file.write_text(file.read_text().replace("[tokens]", '[tokens]\ncolour_primry = "#123456"', 1))

    page = create_gallery("bright", [tmp_path]).test_client().get("/").text

    assert "1 fault: until it is mended, customers see the base theme" in page
    assert "colour_primry is not a token" in page


def _stylesheet(client: FlaskClient) -> str:
    html = client.get("/show/sign-in").text
    return html.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
