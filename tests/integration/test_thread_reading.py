"""The connection for reads that a server's thread keeps: one a thread, returned at a fault, never in anybody's way."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from portal.database import Database
from portal.errors import NotFound


def test_thread_reads_through_one_connection(database: Database) -> None:
    with database.reading() as first:
        pass
    with database.reading() as second, database.reading() as nested:
        pass

    assert first is second is nested
    assert database.reader.pool.checkedout() == 1  # type: ignore[attr-defined]


def test_other_thread_has_its_own(database: Database) -> None:
    found = []

    def read() -> None:
        with database.reading() as reader:
            found.append(id(reader))

    with database.reading() as own:
        other = threading.Thread(target=read)
        other.start()
        other.join()

    assert found
    assert found != [id(own)]
    assert database.reader.pool.checkedout() == 1  # type: ignore[attr-defined]


def test_what_another_transaction_committed_is_seen(database: Database) -> None:
    with database.reading() as reader:
        assert reader.execute(sa.text("select count(*) from merchants")).scalar() == 0
    with database.unit_of_work() as session:
        session.execute(
            sa.text(
                "insert into merchants (id, slug, mode, status, name, legal_name, address_lines, currency, locale, timezone,"
                " theme, due_days, gateway, created_at, updated_at) select 'mer_1', 'acme', 'test', 'active', 'A', 'A', '[]',"
                " 'USD', 'en', 'UTC', 'base', 30, 'none', " + ("0, 0" if database.is_sqlite else "now(), now()")
            )
        )

    with database.reading() as reader:
        assert reader.execute(sa.text("select count(*) from merchants")).scalar() == 1


def test_database_error_releases_the_connection(database: Database) -> None:
    with pytest.raises(DBAPIError), database.reading() as reader:
        reader.execute(sa.text("select * from nothing"))

    assert database.reader.pool.checkedout() == 0  # type: ignore[attr-defined]
    with database.reading() as another:
        assert another.execute(sa.text("select 1")).scalar() == 1


def test_other_error_keeps_the_connection(database: Database) -> None:
    with pytest.raises(NotFound), database.reading() as reader:
        raise NotFound

    with database.reading() as same:
        assert same is reader


def test_lost_server_costs_one_request_at_most(database: Database) -> None:
    with database.reading() as reader:
        if database.is_sqlite:
            reader.invalidate()
        else:
            process = reader.execute(sa.text("select pg_backend_pid()")).scalar_one()
            with database.unit_of_work() as session:
                session.execute(sa.text("select pg_terminate_backend(:process)"), {"process": process})
    with suppress(SQLAlchemyError), database.reading() as reader:
        reader.execute(sa.text("select 1"))

    with database.reading() as reader:
        assert reader.execute(sa.text("select 1")).scalar() == 1


def test_database_error_does_not_show_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as raised, database.reading() as reader:
        reader.execute(sa.text("select * from nothing where email = :email"), {"email": "maya@lindqvist.example"})

    assert "maya" not in str(raised.value)


def test_disposing_closes_it(database: Database) -> None:
    with database.reading():
        pass

    database.dispose()

    assert database.reader.pool.checkedout() == 0  # type: ignore[attr-defined]
