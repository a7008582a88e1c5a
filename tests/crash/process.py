"""A web server, a worker and a refund as processes of their own that may die by SIGKILL at a crash point or at any moment.

Tests start them, nobody else, and they end with the test that started them.

They are forked from a process that has everything imported, every template compiled and every route made (`multiprocessing`'s fork
server, `tests.crash.prepared`), since a test starts several. The tests' own process, which imports this to name its functions, has no
use for any of that, and does not load it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from types import FrameType
from typing import NoReturn

import waitress

from portal.crash_points import kill_at
from portal.database import Database
from portal.gateways.registry import AccountGateways
from portal.json_logs import write_json_logs
from portal.method_users import METHOD_USERS
from portal.outbox.jobs import Handler
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.settings import Settings
from portal.web.gateway_waits import build_gateway_calls
from portal.worker import build_handlers, run_forever, run_once
from tests.crash.lifeline import end_with
from tests.support.actors import STAFF
from tests.support.apps import app_on


def serve(env: Mapping[str, str], crash_at: str, port: int, parent: Connection) -> None:
    """The web server, until SIGTERM; tells its parent when it listens."""
    end_with(parent)
    services = _build(env, crash_at)
    threads = services.settings.server_threads
    app = app_on(services, calls=build_gateway_calls(threads))
    server = waitress.create_server(app, host="127.0.0.1", port=port, threads=threads, ident=None)
    signal.signal(signal.SIGTERM, _end)
    parent.send("ready")
    server.run()


def work_on(env: Mapping[str, str], parent: Connection) -> None:
    """The worker as it runs in production, until SIGTERM; tells its parent when it begins."""
    end_with(parent)
    services = _build(env, "")
    signal.signal(signal.SIGTERM, _end)
    parent.send("ready")
    run_forever(services, _handlers(), threading.Event())


def work(env: Mapping[str, str], crash_at: str) -> None:
    """One round of the worker."""
    run_once(_build(env, crash_at), _handlers())


def refund(env: Mapping[str, str], crash_at: str, merchant_id: str, payment_id: str) -> None:
    """Sends one unit of money back, as the merchant would."""
    services = _build(env, crash_at)
    refund_payment(services, merchant_id, payment_id, 100, reason=None, actor=STAFF)


def _build(env: Mapping[str, str], crash_at: str) -> Services:
    settings = Settings.load(env)
    write_json_logs(settings.log_level)

    database = Database(settings.database_url, busy_seconds=settings.database_busy_seconds)
    gateways = AccountGateways(database, settings)
    return Services(settings, database, gateways, METHOD_USERS, crash_point=kill_at(crash_at))


def _handlers() -> Mapping[str, Handler]:
    from tests.crash.prepared import RENDERER  # Here, so that only the fork server compiles every template.

    return build_handlers(RENDERER)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
