"""Runs the gateway: `python -m portal.sandbox_gateway --database FILE [--port N]`, served by waitress until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sqlite3
import sys
from pathlib import Path
from types import FrameType

from waitress.server import create_server

from portal.sandbox_gateway.app import create_app
from portal.sandbox_gateway.instance import EXTENSION, GatewayInstance
from portal.sandbox_gateway.storage import NewerSchema
from portal.sandbox_gateway.webhooks import WebhookSender

THREADS = 16
"""Enough that some can wait to send a delayed response."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: list[str] | None = None) -> int:
    options = _read_options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    try:
        sockets = _listen(options.host, options.port)
    except OSError as error:
        return _print_error(f"cannot listen on {options.host}:{options.port}: {error.strerror}")
    name = "localhost" if options.host in LOOPBACK else options.host
    public_url = f"http://{name}:{sockets[0].getsockname()[1]}"
    try:
        app = create_app(Path(options.database), public_url)
    except (NewerSchema, OSError, sqlite3.OperationalError) as error:
        return _print_error(str(error))
    gateway: GatewayInstance = app.extensions[EXTENSION]
    if options.clock_offset_seconds is not None:
        gateway.clock.move_to_offset(options.clock_offset_seconds)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        gateway.stopping.set()
        raise SystemExit(0)

    sender = WebhookSender(gateway.database, gateway.complete_due)
    server = create_server(app, sockets=sockets, threads=THREADS, ident=None)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        sender.start()
        print(f"sandbox ready {public_url}", flush=True)  # noqa: T201 - the parent process waits for this line
        server.run()  # Returns after a signal.
    except SystemExit:
        server.close()
    finally:
        sender.stop()
        gateway.database.close()
    return 0


def _read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m portal.sandbox_gateway", description="A payment gateway for development. No real money."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; the URL of a loopback address names localhost"
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--database", required=True, help="the gateway's own SQLite file, created when absent")
    parser.add_argument("--clock-offset-seconds", type=int, help="set the clock to real time plus this many seconds")
    return parser.parse_args(arguments)


def _listen(host: str, port: int) -> list[socket.socket]:
    """One socket; on loopback two, IPv4 and IPv6, because a client may resolve `localhost` to either."""
    if host not in LOOPBACK:
        return [_bind(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)]
    for _ in range(20):
        first = _bind(socket.AF_INET, "127.0.0.1", port)
        try:
            return [first, _bind(socket.AF_INET6, "::1", first.getsockname()[1])]
        except OSError:
            if port or not _has_ipv6():
                return [first]
            first.close()  # Free for IPv4, taken for IPv6: try another.
    raise OSError(98, "no port is free")


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _has_ipv6() -> bool:
    try:
        _bind(socket.AF_INET6, "::1", 0).close()
    except OSError:
        return False
    return True


def _print_error(message: str) -> int:
    sys.stderr.write(f"sandbox: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
