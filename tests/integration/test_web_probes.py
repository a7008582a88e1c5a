"""What operators ask: is it up, can it answer, what does it do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from portal.database import Database
from portal.migrations import VERSION_TABLE
from portal.outbox.models import OutboxMessage
from portal.outbox.operations import enqueue
from portal.provider_events.models import ProviderEvent
from portal.reconciliation.models import GatewayDifference
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.apps import served_app
from tests.support.statements import counted_statements


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


def application_on(database: Database, services: Services) -> FlaskClient:
    other = Services(services.settings, database, services.gateways, services.method_users, services.clock)
    return served_app(other).test_client()


# --- up, and ready ---


def test_process_is_up_whatever_its_database_does(services: Services) -> None:
    away = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    assert application_on(away, services).get("/healthz").get_json() == {"status": "up"}


def test_ready_with_a_current_schema(client: FlaskClient) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.get_json()) == (200, {"status": "ready"})
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://nobody@127.0.0.1:1/nothing", "sqlite:////proc/nowhere/portal.db"]
)
def test_not_ready_without_the_database(services: Services, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.mkdir", lambda *_, **__: None)
    answer = application_on(Database(url), services).get("/readyz")

    assert answer.status_code == 503
    assert answer.get_json() == {"status": "unavailable", "reason": "the database does not answer"}


def test_not_ready_when_the_database_goes_away(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200

    def gone(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("connect", {}, Exception("gone"))

    monkeypatch.setattr(services.database.reader, "connect", gone)

    assert client.get("/readyz").status_code == 503


def test_not_ready_while_the_file_is_moved_away_under_open_connections(
    client: FlaskClient, database: Database, tmp_path: Path
) -> None:
    if not database.is_sqlite:
        return  # A server has no file of ours; it is gone when it does not answer, as above.
    path = Path(database.url.database or "")
    assert client.get("/readyz").status_code == 200

    moved = path.rename(tmp_path / "moved.db")
    assert client.get("/readyz").status_code == 503
    path.touch()
    assert client.get("/readyz").status_code == 503
    moved.rename(path)
    assert client.get("/readyz").status_code == 200


def test_not_ready_while_nothing_can_be_written(services: Services) -> None:
    impatient = Database(services.database.url.render_as_string(hide_password=False), busy_seconds=0.1)
    client = application_on(impatient, services)
    with services.database.unit_of_work() as session:
        # A write transaction of somebody else, which on SQLite holds the only one there is.
        session.execute(sa.text("SELECT 1" if impatient.is_sqlite else f"LOCK TABLE {VERSION_TABLE} IN EXCLUSIVE MODE"))
        answer = client.get("/readyz")

    assert (answer.status_code, answer.get_json()["reason"]) == (503, "the database takes no writes")
    assert client.get("/readyz").status_code == 200
    impatient.dispose()


def test_not_ready_while_the_disk_is_almost_full(
    client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not database.is_sqlite:
        return  # The disk of a server is not this machine's.
    monkeypatch.setattr("portal.readiness.LEAST_FREE_BYTES", 2**62)
    assert client.get("/readyz").status_code == 503

    monkeypatch.undo()
    assert client.get("/readyz").status_code == 200


def test_write_is_proved_seldom(client: FlaskClient, database: Database) -> None:
    def writes() -> list[str]:
        with counted_statements(database) as sent:
            assert client.get("/readyz").status_code == 200
        return [statement for statement in sent if "user_version" in statement or "UPDATE" in statement]

    assert len(writes()) == 1
    assert writes() == []


def test_not_ready_without_a_schema(bare_database: Database, services: Services) -> None:
    answer = application_on(bare_database, services).get("/readyz")

    assert answer.status_code == 503
    assert "portal db upgrade" in answer.get_json()["reason"]


def test_not_ready_one_migration_behind(client: FlaskClient, database: Database) -> None:
    with database.unit_of_work() as session:
        head = session.execute(sa.text(f"select version_num from {VERSION_TABLE}")).scalar_one()
        session.execute(sa.text(f"update {VERSION_TABLE} set version_num = 'before'"))
    try:
        answer = client.get("/readyz")
    finally:
        with database.unit_of_work() as session:
            session.execute(sa.text(f"update {VERSION_TABLE} set version_num = :head"), {"head": head})

    assert answer.status_code == 503
    assert answer.get_json()["reason"].startswith("the schema is not current")
    assert client.get("/readyz").status_code == 200


# --- metrics ---


def read_metrics(client: FlaskClient) -> dict[str, float]:
    """Each sample by its name, and by its name with endpoint and status."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {
        " ".join([sample.name, *(label for name, label in sample.labels.items() if name != "process")]): sample.value
        for sample in samples
    }


def test_requests_are_counted_by_endpoint_and_status(client: FlaskClient, account: Account) -> None:
    for path in ("/acme/sign-in", "/acme/sign-in", "/acme/payments", "/acme/nothing"):
        client.get(path)

    metrics = read_metrics(client)

    assert metrics["portal_requests_total portal.sign_in 200"] == 2
    assert metrics["portal_requests_total portal.payments 303"] == 1
    assert metrics["portal_requests_total none 404"] == 1


def test_empty_installation_has_nothing_waiting(client: FlaskClient) -> None:
    metrics = read_metrics(client)

    assert {name: value for name, value in metrics.items() if "requests" not in name} == {
        "portal_outbox_waiting": 0,
        "portal_outbox_oldest_seconds": 0,
        "portal_outbox_dead": 0,
        "portal_outbox_refused": 0,
        "portal_payments_unsent": 0,
        "portal_payments_unsent_oldest_seconds": 0,
        "portal_payments_unknown": 0,
        "portal_payments_unknown_oldest_seconds": 0,
        "portal_refunds_unknown": 0,
        "portal_refunds_unknown_oldest_seconds": 0,
        "portal_events_waiting": 0,
        "portal_events_oldest_seconds": 0,
        "portal_events_dead": 0,
        "portal_gateway_differences missing_here": 0,
        "portal_gateway_differences missing_there": 0,
        "portal_gateway_differences other_amount": 0,
        "portal_gateway_differences other_currency": 0,
        "portal_gateway_differences_oldest_seconds": 0,
        "portal_gateway_compared_oldest_seconds": 0,
    }


def test_outbox_metrics_have_depth_age_and_dead_letters(
    client: FlaskClient, account: Account, services: Services
) -> None:
    now = services.clock.now()
    merchant_id = account.scope.merchant_id
    with services.database.unit_of_work() as session:
        for minutes in (1, 3):
            enqueue(session, merchant_id, "receipt_mail", {}, at=now - timedelta(minutes=minutes))
        dead = enqueue(session, merchant_id, "receipt_mail", {}, at=now)
        session.flush()
        session.execute(sa.update(OutboxMessage).where(OutboxMessage.id == dead).values(dead_at=now))

    metrics = read_metrics(client)

    assert (metrics["portal_outbox_waiting"], metrics["portal_outbox_dead"]) == (2, 1)
    assert metrics["portal_outbox_oldest_seconds"] == 180


def test_metrics_have_the_age_of_payments_with_unknown_outcome(
    client: FlaskClient, account: Account, services: Services
) -> None:
    now = services.clock.now()
    account.payment("processing", sent_at=now - timedelta(hours=2), next_check_at=now)
    account.payment("complete")

    metrics = read_metrics(client)

    assert metrics["portal_payments_unknown"] == 1
    assert metrics["portal_payments_unknown_oldest_seconds"] == 7200


def test_metrics_have_the_age_of_payments_that_nobody_has_sent(
    client: FlaskClient, account: Account, services: Services
) -> None:
    now = services.clock.now()
    account.payment("processing", sent_at=None, confirmed_at=now - timedelta(seconds=90), next_check_at=now)
    account.payment("processing", next_check_at=now)

    metrics = read_metrics(client)

    assert (metrics["portal_payments_unsent"], metrics["portal_payments_unsent_oldest_seconds"]) == (1, 90)


def test_event_metrics_have_waiting_events_and_dead_letters(
    client: FlaskClient, account: Account, services: Services
) -> None:
    now = services.clock.now()
    given = {"merchant_id": account.scope.merchant_id, "gateway": "sandbox", "type": "charge.succeeded"}
    with services.database.unit_of_work() as session:
        session.add(ProviderEvent(**given, event_id="evt_1", received_at=now - timedelta(minutes=4), due_at=now))
        session.add(ProviderEvent(**given, event_id="evt_2", received_at=now, dead_at=now, fault="unknown_here"))
        session.add(ProviderEvent(**given, event_id="evt_3", received_at=now, handled_at=now))

    metrics = read_metrics(client)

    assert (metrics["portal_events_waiting"], metrics["portal_events_dead"]) == (1, 1)
    assert metrics["portal_events_oldest_seconds"] == 240


def test_difference_metrics_have_kind_and_age_until_resolved(
    client: FlaskClient, account: Account, services: Services
) -> None:
    now = services.clock.now()
    given = {"merchant_id": account.scope.merchant_id, "gateway": "sandbox", "found_at": now - timedelta(hours=5)}
    with services.database.unit_of_work() as session:
        session.add(GatewayDifference(**given, reference="pay_1", kind="missing_here"))
        session.add(GatewayDifference(**given, reference="pay_2", kind="missing_there", resolved_at=now))

    metrics = read_metrics(client)

    assert metrics["portal_gateway_differences missing_here"] == 1
    assert metrics["portal_gateway_differences missing_there"] == 0
    assert metrics["portal_gateway_differences_oldest_seconds"] == 5 * 3600


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("203.0.113.7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("", {}),
    ],
)
def test_metrics_are_for_this_machine_alone(client: FlaskClient, address: str, headers: dict[str, str]) -> None:
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": address}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"), [("Bearer the right one", 200), ("Bearer wrong", 404), ("", 404), ("é", 404)]
)
def test_metrics_are_for_whoever_has_the_token(services: Services, sent: str, status: int) -> None:
    settings = services.settings.model_copy(update={"metrics_token": SecretStr("the right one")})
    app = served_app(Services(settings, services.database, services.gateways, services.method_users, services.clock))

    answer = app.test_client().get(
        "/metrics", environ_overrides={"REMOTE_ADDR": "203.0.113.7"}, headers={"Authorization": sent}
    )

    assert answer.status_code == status
