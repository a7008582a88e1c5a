"""The web server under clients that are slow on purpose: they hold connections, never threads, and not for long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import pytest
from flask import Flask

from portal import http_server
from portal.http_server import HttpServer
from tests.support.tiers import tier

THREADS = 2
SLOW_CONNECTIONS = tier(400, 1000)
SLOW_SECONDS = tier(3, 60)
PATIENCE = 20
Application = Callable[[dict[str, Any], Callable[..., Any]], list[bytes]]


@contextmanager
def served(app: Application) -> Iterator[HttpServer]:
    server = HttpServer(cast(Flask, app), address=("127.0.0.1", 0), threads=THREADS, has_proxies=False)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def say_path(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


def connect(server: HttpServer, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    client.sendall(sent)
    return client


def request(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: portal", "Connection: close", *headers, "", ""]).encode()


def get(server: HttpServer, path: str) -> bytes:
    with connect(server, request(path)) as client:
        return read(client)


def read(client: socket.socket) -> bytes:
    """Everything until the server closes."""
    received = b""
    while part := client.recv(65536):
        received += part
    return received


def test_slow_clients_by_the_hundred_hold_nobody_up():
    with served(say_path) as server, ExitStack() as opened:
        half = request("/slow")[:-4]
        slow = [opened.enter_context(connect(server, half)) for _ in range(SLOW_CONNECTIONS)]
        waited, until = [], time.monotonic() + SLOW_SECONDS

        while time.monotonic() < until:
            for place, client in enumerate(slow):
                try:
                    client.sendall(b"x")
                except OSError:  # It took too long, and comes again.
                    slow[place] = opened.enter_context(connect(server, half))
            began = time.monotonic()
            assert get(server, "/healthz").endswith(b"/healthz")
            assert get(server, "/overview").endswith(b"/overview")
            waited.append(time.monotonic() - began)
            time.sleep(0.2)

    assert max(waited) < PATIENCE / 2, waited


@pytest.mark.parametrize(
    ("constant", "sent"),
    [
        ("HEADER_SECONDS", b"GET / HTTP/1.1\r\nHost: portal\r\nX: "),
        ("BODY_SECONDS", b"POST / HTTP/1.1\r\nHost: portal\r\nContent-Length: 1000\r\n\r\n"),
    ],
)
def test_request_that_trickles_in_is_given_up_after_a_time(monkeypatch, constant, sent):
    monkeypatch.setattr(http_server, constant, 1)
    monkeypatch.setattr(http_server, "_SWEEP_SECONDS", 0.2)

    with served(say_path) as server, connect(server, sent) as client:
        client.settimeout(0.2)
        until = time.monotonic() + PATIENCE
        is_open = True
        while is_open and time.monotonic() < until:
            try:
                client.sendall(b"x")
                is_open = client.recv(1) != b""
            except TimeoutError:
                pass
            except OSError:
                is_open = False

    assert not is_open


def test_too_many_connections_make_room_for_the_newest():
    with served(say_path) as server, ExitStack() as opened:
        for listener in server._listeners:
            listener.max_connections = 5
        first, *_ = [opened.enter_context(connect(server, b"GET /")) for _ in range(5)]

        answer = get(server, "/new")

        assert answer.endswith(b"/new")
        assert first.recv(1) == b""


def test_probe_is_answered_while_every_thread_waits():
    release = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/hang":
            release.wait(PATIENCE)
        return say_path(environ, start_response)

    with served(app) as server, ExitStack() as opened:
        hanging = [opened.enter_context(connect(server, request("/hang"))) for _ in range(THREADS + 2)]

        answer = get(server, "/healthz")

        assert answer.endswith(b"/healthz")
        release.set()
        assert all(read(client).endswith(b"/hang") for client in hanging)


def test_stop_lets_a_request_that_is_worked_on_end():
    begun, release = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        begun.set()
        release.wait(PATIENCE)
        return say_path(environ, start_response)

    with served(app) as server, connect(server, request("/last")) as client:
        begun.wait(PATIENCE)
        server.stop()
        threading.Timer(0.3, release.set).start()

        assert read(client).endswith(b"/last")


def test_reader_that_does_not_read_holds_no_thread():
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/large":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"x" * 2**20] * 20
        return say_path(environ, start_response)

    with served(app) as server, ExitStack() as opened:
        for _ in range(THREADS + 1):
            opened.enter_context(connect(server, request("/large")))

        assert get(server, "/small").endswith(b"/small")
