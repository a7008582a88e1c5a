"""Themes change while processes run: on a signal, by version, and in the demo by themselves; several processes agree."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from portal.app import create_app
from portal.merchants.operations import MerchantChanges, update_merchant
from portal.merchants.queries import find_merchant
from portal.rendering.renderer import Renderer
from portal.rendering.renewing import call_on_hangup
from portal.services import Services
from portal.settings import Settings
from portal.theming.themes import load_themes
from portal.web import live_themes
from portal.web.live_themes import LiveThemes
from portal.web.runtime import EXTENSION
from portal.web.tenants import CACHE_SECONDS
from tests.support import customers
from tests.support.actors import OPERATOR

PAGE = '{% extends "layouts/door.html" %}{% block title %}Hi{% endblock %}{% block content %}<h1>Hi, '
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, text: str) -> None:
        path = tmp_path / "loud" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write_file("theme.toml", 'name = "Loud"\n[tokens]\ncolor_primary = "#b00060"\n')
    write_file("templates/sign_in/address.html", PAGE + "first</h1>{% endblock %}")
    return write_file


@pytest.fixture
def processes(services: Services, settings: Settings, tmp_path: Path, write: Write, monkeypatch) -> list[Flask]:
    """Two processes of one installation, as it were, whose merchant has the theme."""
    monkeypatch.setattr(live_themes, "_LOOK_EVERY_SECONDS", 0)
    with services.database.unit_of_work() as session:
        customers.add_merchant(session, at=services.clock.now(), theme="loud")
    return [_process(services, settings, tmp_path) for _ in range(2)]


def _process(services: Services, settings: Settings, folder: Path, **more: object) -> Flask:
    from dataclasses import replace

    own = replace(services, settings=settings.model_copy(update={"themes_dir": (folder,), **more}))
    return create_app(services=own, renderer=Renderer(load_themes([folder])))


def _themes(app: Flask) -> LiveThemes:
    themes: LiveThemes = app.extensions[EXTENSION].live_themes
    return themes


def _look(app: Flask) -> tuple[str, str]:
    """The page of signing in, and the address of its stylesheet."""
    html = app.test_client().get("/acme/sign-in").text
    found = re.search(r'<link rel="stylesheet" href="([^"]+)"', html)
    assert found is not None
    return html, found[1]


def _change(write: Write) -> None:
    write("theme.toml", 'name = "Loud"\n[tokens]\ncolor_primary = "#00607f"\n[texts.en]\nwelcome = "Anew"\n')
    write("templates/sign_in/address.html", PAGE + "second</h1>{% endblock %}")


def test_process_that_is_told_shows_the_new_theme_whole(processes, write):
    before, old_styles = _look(processes[0])
    _change(write)
    unchanged, _ = _look(processes[0])

    _themes(processes[0]).reload()

    after, new_styles = _look(processes[0])
    client = processes[0].test_client()
    assert "Hi, first" in before and "Hi, first" in unchanged and "Hi, second" in after and "Anew" in after
    assert old_styles != new_styles
    assert "#00607f" in client.get(new_styles).text
    assert "#b00060" in client.get(old_styles).text  # A page that was loaded before keeps its styles.


def test_process_that_is_behind_catches_up_when_it_is_asked_for_files_that_it_lacks(processes, write):
    ahead, behind = processes
    _change(write)
    _themes(ahead).reload()
    html, styles = _look(ahead)

    answer = behind.test_client().get(styles)

    assert "Hi, second" in html
    assert (answer.status_code, "#00607f" in answer.text) == (200, True)
    assert _look(behind)[1] == styles


def test_unknown_version_of_a_static_file_is_not_found_and_reads_no_theme_anew(processes):
    themes = _themes(processes[0]).look.themes

    assert processes[0].test_client().get("/static/aaaaaaaa/portal.css").status_code == 404
    assert _themes(processes[0]).look.themes is themes


def test_demo_shows_a_change_without_being_told(services, settings, tmp_path, write, processes):
    app = _process(services, settings, tmp_path, demo=True)
    first, _ = _look(app)
    _change(write)

    assert "Hi, first" in first and "Hi, second" in _look(app)[0]


def test_theme_that_is_broken_by_the_change_is_the_base_theme_and_no_error(processes, write):
    write("theme.toml", 'name = "Loud"\n[tokens]\nnonsense = 1\n')

    _themes(processes[0]).reload()

    html, styles = _look(processes[0])
    assert "Hi, first" not in html and "/themes/base." in styles


def test_themes_that_cannot_be_read_at_all_leave_those_of_before(processes, write, monkeypatch, caplog):
    def fail(_folders: object) -> None:
        raise RuntimeError("the bundled base theme is broken")

    monkeypatch.setattr("portal.rendering.renewing.load_themes", fail)

    _themes(processes[0]).reload()

    assert "Hi, first" in _look(processes[0])[0]
    assert [record.message for record in caplog.records] == ["themes.reload_failed"]


def test_theme_that_a_merchant_is_given_is_worn_within_seconds_also_one_that_is_new(
    services, processes, write, tmp_path
):
    assert "/themes/loud." in _look(processes[0])[1]
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "theme.toml").write_text('name = "Later"\n')
    with services.database.unit_of_work() as session:
        merchant = find_merchant(session, "acme")
        assert merchant is not None
        changes = MerchantChanges(theme="later")
        update_merchant(
            session, merchant.id, changes, themes=("base", "later"), actor=OPERATOR, at=services.clock.now()
        )

    services.clock.advance(seconds=CACHE_SECONDS)

    assert ["/themes/later." in _look(process)[1] for process in processes] == [True, True]


def test_hangup_calls_what_was_set(monkeypatch):
    called: list[bool] = []
    before = signal.getsignal(signal.SIGHUP)
    try:
        call_on_hangup(lambda: called.append(True))
        signal.raise_signal(signal.SIGHUP)
        until = time.monotonic() + 5
        while not called and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert called == [True]
