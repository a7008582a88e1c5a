"""The running gateway: its database and clock, and how a view gets them."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app, request

from portal.sandbox_gateway.charges import complete_due_charges
from portal.sandbox_gateway.clock import GatewayClock
from portal.sandbox_gateway.refunds import complete_due_refunds
from portal.sandbox_gateway.storage import SandboxDatabase, record_setting

EXTENSION = "sandbox_gateway"


@dataclass(frozen=True, slots=True)
class GatewayInstance:
    """One database and its clock; `stopping` interrupts delayed responses when the process stops."""

    database: SandboxDatabase
    clock: GatewayClock
    stopping: threading.Event = field(default_factory=threading.Event)

    def complete_due(self) -> None:
        """Complete the charges and refunds that are due; reads two indexes, and writes only when there are any."""
        now = self.clock.now()
        complete_due_charges(self.database, now)
        complete_due_refunds(self.database, now)

    def wait(self, seconds: int) -> None:
        self.stopping.wait(seconds)


def open_gateway(path: Path, public_url: str) -> GatewayInstance:
    """Open or create the database; `public_url` is the origin that payers are redirected to."""
    database = SandboxDatabase(path)
    with database.write() as connection:
        record_setting(connection, "public_url", public_url)
    return GatewayInstance(database, GatewayClock(database))


def current_gateway() -> GatewayInstance:
    gateway = current_app.extensions[EXTENSION]
    assert isinstance(gateway, GatewayInstance)
    return gateway


def drop_connection() -> None:
    """Close the client's connection without a response, as a network failure does.

    waitress does not expose the socket, but a method of its channel is in the WSGI environment. Under the test client,
    which has no connection, ConnectionAbortedError is raised: what a client would see.
    """
    channel = getattr(request.environ.get("waitress.client_disconnected"), "__self__", None)
    if channel is None:
        raise ConnectionAbortedError("the sandbox dropped this connection on request")
    channel.socket.shutdown(socket.SHUT_RDWR)
