"""The database over versions of the gateway: an older one is migrated with its rows, a newer one is not touched."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from portal.sandbox_gateway.app import create_app
from portal.sandbox_gateway.instance import EXTENSION
from portal.sandbox_gateway.storage import SCHEMA_VERSION, NewerSchema, SandboxDatabase

TO_VERSION_1 = """
DROP TABLE setups;
ALTER TABLE tokens DROP COLUMN detached_at;
ALTER TABLE refunds DROP COLUMN due_failure_code;
ALTER TABLE refunds DROP COLUMN webhooks;
ALTER TABLE refunds DROP COLUMN webhook_delay_seconds;
PRAGMA user_version = 1;
"""


def columns(file):
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: {row[1:4] for row in connection.execute(f"PRAGMA table_info({table})")} for table in tables}


def test_older_database_is_migrated_with_its_rows(account, gateway, tmp_path):
    token = account.card()
    charge = account.charge(token).json["id"]
    account.post("/v1/refunds", {"reference": "F1", "charge": charge, "amount": 1})
    gateway.database.close()
    fresh = columns(tmp_path / "sandbox.db")
    with closing(sqlite3.connect(tmp_path / "sandbox.db")) as connection:
        connection.executescript(TO_VERSION_1)

    app = create_app(tmp_path / "sandbox.db")

    again = type(account)(app.test_client())
    assert columns(tmp_path / "sandbox.db") == fresh
    assert again.get("/v1/refunds", reference="F1")["items"][0]["status"] == "succeeded"
    assert again.charge(token, "R2", "K2").json["method"] == again.get(f"/v1/charges/{charge}")["method"]
    assert again.post(f"/v1/tokens/{token}/detach", {}).json["detached"]
    app.extensions[EXTENSION].database.close()


def test_database_of_a_newer_version_is_not_touched(tmp_path):
    file = tmp_path / "sandbox.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    with pytest.raises(NewerSchema, match="newer version"):
        SandboxDatabase(file)

    assert columns(file) == {}
