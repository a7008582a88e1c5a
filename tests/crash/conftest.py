"""One installation a worker and database, shared by the tests, each of which makes its own customer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.database import Database
from portal.migrations import upgrade
from tests.crash.installation import Installation, install
from tests.support.databases import KINDS, Run, copy_sqlite, empty_postgresql, migrated_sqlite_file
from tests.support.mail_catcher import MailCatcher, catch_mail
from tests.support.tiers import IS_LONG

# A demo's first start, and a start of `make crash`, take half a minute of a processor each.
collect_ignore = [] if IS_LONG else ["test_demo_killed.py", "test_demo_unfinished.py", "test_left_behind.py"]


@pytest.fixture(scope="session")
def mail() -> Iterator[MailCatcher]:
    with catch_mail() as catcher:
        yield catcher


@pytest.fixture(scope="session", params=KINDS)
def database(request: pytest.FixtureRequest, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database for the whole session, once of each kind: processes of their own work on it."""
    if request.param == "sqlite":
        database = Database(copy_sqlite(migrated_sqlite_file(run), tmp_path_factory.mktemp("crash")))
        yield database
        database.dispose()
        return
    with empty_postgresql(run) as url:
        database = Database(url)
        upgrade(database)
        yield database
        database.dispose()


@pytest.fixture(scope="session")
def installation(
    database: Database, mail: MailCatcher, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Its web server is started by the test, or left running by the one before."""
    with install(database, tmp_path_factory.mktemp("sandbox"), mail.url) as installation:
        yield installation
