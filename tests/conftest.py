"""Fixtures that every test may use, and what holds for all of them: a shut network, one merchant a statement, nothing skipped in CI."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import settings as hypothesis_settings

from portal import public_ids
from portal.clock import MovableClock
from portal.database import Database
from portal.method_users import METHOD_USERS
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.settings import Settings
from portal.theming.themes import ThemeSet
from tests.support import network, tenancy
from tests.support.bundled import bundled_renderer, bundled_themes
from tests.support.databases import (
    KINDS,
    RenewedSqlite,
    Run,
    controller_pid,
    empty,
    empty_postgresql,
    keep_in_memory,
    migrated_sqlite_file,
    worker_postgresql,
)
from tests.support.page_client import PageClient
from tests.support.postgresql import stop_server
from tests.support.run_folder import share_run_folder
from tests.support.scripted_gateway import OneGateway, ScriptedGateway

SECRET_KEY = "a secret for tests alone of more than thirty-two characters"

network.shut()
tenancy.watch()
keep_in_memory()
share_run_folder()

# How long an example takes is the machine's affair, and a failure is shown so that anybody can repeat it.
hypothesis_settings.register_profile("portal", deadline=None, print_blob=True)
hypothesis_settings.load_profile("portal")


# --- databases: a test that asks for `database` runs on SQLite and on PostgreSQL ---


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """This run of the tests, as all its workers see it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    base = tmp_path_factory.getbasetemp()
    return Run(base if worker == "main" else base.parent, controller_pid(), worker)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh, migrated, empty database; the test runs once on each kind."""
    # All tests stand at the same instant, and a process orders the ids of 4,096 events of one millisecond.
    public_ids._COUNTER = public_ids._Counter()
    if request.param == "postgresql":
        shared: Database = request.getfixturevalue("_worker_postgresql")
        _collect_connections(shared)
        empty(shared)
        shared.session_info.clear()
        yield shared
        return
    renewed: RenewedSqlite = request.getfixturevalue("_worker_sqlite")
    _collect_connections(renewed.database)
    renewed.database.session_info.clear()
    yield renewed.renew()


def _collect_connections(database: Database) -> None:
    """Return what threads that have ended still hold to the pool: that waits for the collector, which seldom runs here."""
    if database.reader.pool.checkedout() > 1:  # type: ignore[attr-defined]
        gc.collect()


@pytest.fixture(params=KINDS)
def bare_database(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Database]:
    """A database without any table, once on each kind; for tests of the migrations themselves."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/bare.db")
        yield database
        database.dispose()
        return
    with empty_postgresql(run) as url:
        database = Database(url)
        yield database
        database.dispose()


@pytest.fixture(scope="session")
def _worker_sqlite(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RenewedSqlite]:
    renewed = RenewedSqlite(migrated_sqlite_file(run), tmp_path_factory.mktemp("sqlite"))
    yield renewed
    renewed.database.dispose()


@pytest.fixture(scope="session")
def _worker_postgresql(run: Run) -> Iterator[Database]:
    with worker_postgresql(run) as database:
        yield database


# --- time and settings ---


@pytest.fixture
def clock() -> MovableClock:
    """Stands at 2026-03-19 10:42 UTC until the test moves it."""
    return MovableClock()


@pytest.fixture
def settings(database: Database) -> Settings:
    """Settings of an installation on the test's database, on loopback over plain http."""
    return Settings.load(
        {
            "PORTAL_SECRET_KEY": SECRET_KEY,
            "PORTAL_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "PORTAL_BASE_URL": "http://127.0.0.1:5000",
        }
    )


# --- the application: its pages are fetched through `pages`, which checks each ---


@pytest.fixture(scope="session")
def themes() -> ThemeSet:
    """The bundled themes."""
    return bundled_themes()


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    """The bundled templates in those themes."""
    return bundled_renderer()


@pytest.fixture
def gateway() -> ScriptedGateway:
    """What every merchant takes payments through in a test that has no sandbox: in memory, with a ledger of its own."""
    return ScriptedGateway()


@pytest.fixture
def services(settings: Settings, database: Database, gateway: ScriptedGateway, clock: MovableClock) -> Services:
    """What a process of the portal works with, on the test's database and clock."""
    return Services(settings, database, OneGateway(gateway), METHOD_USERS, clock)


@pytest.fixture
def app(services: Services) -> Flask:
    """The standalone application."""
    from tests.support.apps import app_on  # Here, so that tests of a rule need no web server.

    return app_on(services)


@pytest.fixture
def pages(app: Flask) -> PageClient:
    """A reader's browser, signed in nowhere."""
    return PageClient(app.test_client())


# --- the end of the run: what was not run, and equal counts on both databases ---

_DATABASE_TESTS: Counter[str] = Counter()


def pytest_xdist_auto_num_workers() -> int:
    # One more than there are cores: tests that wait for a browser, a server or a clock leave a seventh of the time to others.
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    # All modules and tests are here to stay: the collector of garbage need not walk through them again and again (7 %, measured).
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


# What takes long and cannot be parted, one line for each worker, which begins with it: left to the end, one would run them alone.
_SLOW = (
    ("tests/browser/",),
    ("tests/crash/", "tests/contracts/test_wheel.py", "tests/integration/test_commands_serving.py"),
    (
        "tests/simulation/", "tests/contracts/test_query_plans.py", "tests/contracts/test_migrations.py",
        "tests/contracts/test_documented_shop.py", "tests/integration/test_import_process.py",
    ),
)  # fmt: skip


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items[:] = _slow_first(items, getattr(config, "workerinput", {}).get("workercount", 1))
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        kind = parameters.get("database") or parameters.get("bare_database")
        if kind:
            # Travels with the report from a worker to the process that counts.
            item.user_properties.append(("database", kind))


def _slow_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests in an order in which each worker, which is given its share of them in a row, begins with slow ones."""
    slow = [[item for item in items if item.nodeid.startswith(names)] for names in _SLOW]
    rest = [item for item in items if not item.nodeid.startswith(sum(_SLOW, ()))]
    ordered = []
    for worker in range(workers):
        head = [item for share in slow[worker::workers] for item in share]
        ordered += head
        share = max(0, len(items) // workers - len(head)) if worker < workers - 1 else len(rest)
        ordered += rest[:share]
        del rest[:share]
    return ordered


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and not report.skipped:
        _DATABASE_TESTS.update(str(value) for name, value in report.user_properties if name == "database")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None:
        stop_server(factory.getbasetemp())
    faults = _faults(session.config)
    if faults and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = ", ".join(f"{kind} {_DATABASE_TESTS[kind]}" for kind in KINDS)
    terminalreporter.write_line(f"database tests: {counts}")
    for fault in _faults(config):
        terminalreporter.write_line(f"FAILED: {fault}", red=True)


def _faults(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    faults = []
    if skipped and os.environ.get("CI") == "true":
        faults.append(f"{skipped} tests were skipped, and CI=true lets none be")
    is_whole = not (
        config.option.keyword or config.getoption("lf", False) or any("::" in argument for argument in config.args)
    )
    if (
        is_whole
        and not (reporter and reporter.stats.get("failed"))
        and len({_DATABASE_TESTS[kind] for kind in KINDS}) > 1
    ):
        faults.append("the databases did not run the same number of tests")
    return faults
