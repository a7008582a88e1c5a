"""A provider on loopback whose answers can be spoilt on their way: any WSGI application behind a bad line."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from wsgiref.types import WSGIApplication

from werkzeug.test import Client

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
HUGE_BYTES = 10 << 20
DRIP_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10
"""How long the server keeps a client waiting that has no patience of its own."""


@dataclass(frozen=True)
class Reply:
    """An answer as it goes over the line. `declared` is the length it claims, where that is a lie; it may come byte by byte, or
    not at all while the other side waits."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    declared: int | None = None
    pace: Literal["whole", "dripping", "never"] = "whole"


@dataclass(frozen=True)
class Fault:
    """Something that happens to a request: `reaches` tells whether the provider carries it out all the same, and `spoil` makes of
    its answer what the client gets, None for a connection that breaks. Without `reaches` there is no answer to spoil."""

    name: str
    reaches: bool
    spoil: Callable[[Reply], Reply | None]


def json_reply(status: int, body: bytes = b"{}") -> Reply:
    return Reply(status, (("Content-Type", "application/json"),), body)


def _cut(_reply: Reply) -> None:
    return None


def _always(status: int, body: bytes = b"{}") -> Callable[[Reply], Reply]:
    return lambda _reply: json_reply(status, body)


REQUEST_LOST = Fault("request_lost", False, _cut)
UNAUTHORIZED = Fault("unauthorized", False, _always(401))
TOO_MANY = Fault("too_many", False, _always(429))
BROKEN_BEFORE = Fault("broken_before", False, _always(500))
UNAVAILABLE = Fault("unavailable", False, _always(503, b"<html>Come back later</html>"))
ANSWER_LOST = Fault("answer_lost", True, _cut)
BROKEN_AFTER = Fault("broken_after", True, _always(500))
BAD_GATEWAY = Fault("bad_gateway", True, _always(502, b"<html>"))
TRUNCATED = Fault(
    "truncated", True, lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2], declared=len(reply.body))
)
CUT_JSON = Fault("cut_json", True, lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]))
NOT_JSON = Fault("not_json", True, lambda reply: replace(reply, body=b"<html>All is well</html>"))
NOT_AN_OBJECT = Fault("not_an_object", True, lambda reply: replace(reply, body=b"[]"))
NOTHING_IN_IT = Fault("nothing_in_it", True, lambda reply: replace(reply, body=b"{}"))
EMPTY = Fault("empty", True, lambda reply: replace(reply, body=b""))
HUGE = Fault("huge", True, lambda reply: replace(reply, body=b'{"padding":"' + b"x" * HUGE_BYTES + b'"}'))
SLOW = Fault("slow", True, lambda reply: replace(reply, pace="dripping"))
TIMED_OUT = Fault("timed_out", True, lambda reply: replace(reply, pace="never"))

PROVE_NOTHING = (
    REQUEST_LOST,
    UNAUTHORIZED,
    TOO_MANY,
    BROKEN_BEFORE,
    UNAVAILABLE,
    ANSWER_LOST,
    BROKEN_AFTER,
    BAD_GATEWAY,
    TRUNCATED,
    CUT_JSON,
    NOT_JSON,
    NOT_AN_OBJECT,
    NOTHING_IN_IT,
    EMPTY,
    HUGE,
    SLOW,
    TIMED_OUT,
)
"""Every fault after which nobody can know from the answer whether anything was carried out."""


@dataclass(frozen=True)
class Sent:
    """A request as the client sent it; `call` is its method and path, as in `POST /v1/charges`."""

    call: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ProviderServer:
    """Serves an application on a free port of loopback until it is closed; `requests` are all that arrived, in their order.

    `make_app` is given the origin, for a provider that names its own addresses. Who plays the payer speaks to `app` directly.
    """

    def __init__(self, make_app: Callable[[str], WSGIApplication]) -> None:
        self.requests: list[Sent] = []
        self._spoilt: tuple[re.Pattern[str], Fault] | None = None
        self._stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

        for method in METHODS:
            setattr(Handler, f"do_{method}", lambda handler: server._answer(handler))
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._http.server_port}"
        self.app = make_app(self.origin)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @contextmanager
    def spoiling(self, fault: Fault, call: str = ".*") -> Iterator[None]:
        """Let `fault` happen to every request whose `METHOD /path` matches the pattern `call` as a whole."""
        self._spoilt = (re.compile(call), fault)
        try:
            yield
        finally:
            self._spoilt = None

    def close(self) -> None:
        """From now on nobody answers; what still drips is cut off."""
        self._stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        call = f"{handler.command} {handler.path.partition('?')[0]}"
        self.requests.append(Sent(call, tuple(handler.headers.items()), body))
        spoilt = self._spoilt
        fault = spoilt[1] if spoilt and spoilt[0].fullmatch(call) else None
        reply: Reply | None = json_reply(200)
        if fault is None or fault.reaches:
            reply = self._carry_out(handler, body)
        if fault and reply:
            reply = fault.spoil(reply)
        handler.close_connection = True
        if reply:
            with suppress(OSError):  # Who was kept waiting has hung up.
                self._write(handler, reply)

    def _carry_out(self, handler: BaseHTTPRequestHandler, body: bytes) -> Reply:
        response = Client(self.app).open(
            handler.path,
            method=handler.command,
            base_url=self.origin,
            headers=list(handler.headers.items()),
            data=body,
        )
        with response:
            return Reply(response.status_code, tuple(response.headers.items()), response.get_data())

    def _write(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.pace == "never" and not self._stopping.wait(LONGEST_WAIT_SECONDS):
            return
        handler.send_response(reply.status)
        for name, value in reply.headers:
            if name.lower() not in ("content-length", "connection", "date", "server"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body) if reply.declared is None else reply.declared))
        handler.end_headers()
        if reply.pace == "whole":
            handler.wfile.write(reply.body)
            return
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        for place in range(len(reply.body)):
            if self._stopping.wait(DRIP_SECONDS) or time.monotonic() > deadline:
                return
            handler.wfile.write(reply.body[place : place + 1])
