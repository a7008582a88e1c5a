"""The parts of one running gateway, and how a view reaches them."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app, request

from portal.sandbox_gateway.charges import settle_due_charges
from portal.sandbox_gateway.clock import GatewayClock
from portal.sandbox_gateway.refunds import settle_due_refunds
from portal.sandbox_gateway.storage import Database, record_setting

EXTENSION = "sandbox_gateway"


@dataclass(frozen=True, slots=True)
class Gateway:
    """One database and its clock; `stopping` wakes whoever answers slowly when the process ends."""

    database: Database
    clock: GatewayClock
    stopping: threading.Event = field(default_factory=threading.Event)

    def settle_due(self) -> None:
        """Let everything end whose time has come; looks at two indexes and writes only when something has."""
        now = self.clock.now()
        settle_due_charges(self.database, now)
        settle_due_refunds(self.database, now)

    def wait(self, seconds: int) -> None:
        self.stopping.wait(seconds)


def open_gateway(path: Path, public_url: str) -> Gateway:
    """Open (or make) the file; `public_url` is the origin that payers are sent to."""
    database = Database(path)
    with database.write() as connection:
        record_setting(connection, "public_url", public_url)
    return Gateway(database, GatewayClock(database))


def running_gateway() -> Gateway:
    gateway = current_app.extensions[EXTENSION]
    assert isinstance(gateway, Gateway)
    return gateway


def drop_connection() -> None:
    """Close the payer's or the merchant's connection without a byte of an answer, as a cut line does.

    waitress hands out no socket, but the channel's own method is in the environment; a server that has none of it
    (the test client) gets the exception, which is what its caller would have seen.
    """
    channel = getattr(request.environ.get("waitress.client_disconnected"), "__self__", None)
    if channel is None:
        raise ConnectionAbortedError("the sandbox dropped this connection on request")
    channel.socket.shutdown(socket.SHUT_RDWR)
