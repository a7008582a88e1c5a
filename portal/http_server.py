"""The web server: waitress, which reads a request whole before a thread has it, in this process or in each of gunicorn's.

What waitress does not do by itself is here: a request that trickles in is closed after a time, the oldest unfinished one makes
room where there are too many connections, probes have a thread of their own, and the end waits for responses that are being sent.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

if TYPE_CHECKING:
    from flask import Flask

MAX_CONNECTIONS = 4000
"""Open connections of one process, idle and unfinished ones included; fewer where the machine allows fewer open files."""
MAX_HEADER_BYTES = 32 * 1024
MAX_BODY_BYTES = 2**20
"""What is read of a body at all. The application's own limit is far lower, and says so on a page."""
HEADER_SECONDS = 15
"""How long the headers of a request may take from its first byte on."""
BODY_SECONDS = 60
"""How long a whole request may take."""
IDLE_SECONDS = 30
"""How long a connection is kept on which nothing happens."""
GRACE_SECONDS = 20
"""How long the end waits for requests that are being worked on."""
_OTHER_FILES = 256
_SWEEP_SECONDS = 2
_PROBES = frozenset({"/healthz", "/readyz"})


class RequestChannel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection that knows since when its present request has been coming in."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.since: float = self.creation_time

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.since = time.time()
        return bool(super().received(data))

    @property
    def is_waiting(self) -> bool:
        """Whether nobody works for it: it is idle, or its request is not complete."""
        return not self.requests and not self.total_outbufs_len

    def is_overdue(self, now: float) -> bool:
        """Return whether its request should have been complete by now."""
        if self.request is None or not self.is_waiting:
            return False
        return now - self.since > (BODY_SECONDS if self.request.headers_finished else HEADER_SECONDS)


class RequestDispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """The threads that work on requests. A probe must be answered when all of them wait: it has a thread of its own."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._probes = ThreadedTaskDispatcher()
        self._probes.set_thread_count(1)
        self.set_thread_count(threads)

    def add_task(self, task: RequestChannel) -> None:
        if task.requests[0].path in _PROBES:
            self._probes.add_task(task)
        else:
            super().add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        self._probes.shutdown(cancel_pending, timeout)
        return bool(super().shutdown(cancel_pending, timeout))


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket."""

    channel_class = RequestChannel
    max_connections = MAX_CONNECTIONS

    def handle_accept(self) -> None:
        if len(self.active_channels) >= self.max_connections:
            self._make_room()
        super().handle_accept()

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        for channel in self.active_channels.values():
            if channel.is_overdue(now):
                channel.will_close = True

    def _make_room(self) -> None:
        """Close the connection that has waited longest without being worked for: of many that hold still, the newest may be real."""
        waiting = [channel for channel in self.active_channels.values() if channel.is_waiting]
        if waiting:
            min(waiting, key=lambda channel: channel.since).handle_close()


class HttpServer:
    """Serves an application at an address, or at sockets that listen already, until it is stopped.

    Raises OSError or ValueError where it cannot listen.
    """

    def __init__(
        self,
        app: Flask,
        *,
        threads: int,
        has_proxies: bool,
        address: tuple[str, int] | None = None,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        where: dict[str, Any] = (
            {"sockets": list(sockets)} if address is None else dict(zip(("host", "port"), address, strict=True))
        )
        adjustments = Adjustments(
            **where,
            ident=None,
            threads=threads,
            clear_untrusted_proxy_headers=not has_proxies,  # Our own ProxyFix reads them, as the settings say.
            connection_limit=2 * MAX_CONNECTIONS,  # Ours is lower, and makes room instead of waiting.
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=_SWEEP_SECONDS,
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=MAX_BODY_BYTES,
            outbuf_high_watermark=2**30,  # No thread waits for a reader: what is not read yet lies in a file.
            asyncore_use_poll=True,  # select() sees 1,024 connections at most.
        )
        # Each request that waits for a moment would be a line of the log.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._map: dict[int, Any] = {}
        self._dispatcher = RequestDispatcher(threads)
        self._listeners = [
            _Listener(app, self._map, dispatcher=self._dispatcher, adj=adjustments, sockinfo=info, **given)
            for info, given in _listened_at(adjustments)
        ]
        for listener in self._listeners:
            listener.max_connections = _most_connections()
        self._is_stopped = False

    @property
    def port(self) -> int:
        return int(self._listeners[0].effective_port)

    def stop(self) -> None:
        """Let `run` return; may be called by a signal's handler, and again."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._listeners[0].pull_trigger()

    def run(self, each_second: Callable[[], bool] = lambda: True) -> None:
        """Serve until `stop` is called or `each_second` returns False; then finish what is being worked on, for a time."""
        while not self._is_stopped and each_second():
            self._turn()
        for listener in self._listeners:
            wasyncore.dispatcher.close(listener)
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until and not all(channel.is_waiting for channel in self._channels()):
            self._turn(0.1)
        self._dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map)

    def _turn(self, seconds: float = 1) -> None:
        wasyncore.loop(timeout=seconds, map=self._map, use_poll=True, count=1)

    def _channels(self) -> list[RequestChannel]:
        return [channel for listener in self._listeners for channel in list(listener.active_channels.values())]


class HttpWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """One of gunicorn's processes, which serves as `HttpServer` does."""

    has_proxies = False

    def run(self) -> None:
        server = HttpServer(
            self.wsgi,
            threads=self.cfg.threads,
            has_proxies=self.has_proxies,
            sockets=[each.sock for each in self.sockets],
        )
        server.run(self._is_wanted)

    def _is_wanted(self) -> bool:
        self.notify()
        return bool(self.alive) and self.ppid == os.getppid()


def _listened_at(adjustments: Any) -> list[tuple[Any, dict[str, Any]]]:
    if adjustments.sockets:
        return [
            ((each.family, each.type, each.proto, each.getsockname()), {"_sock": each, "bind_socket": False})
            for each in adjustments.sockets
        ]
    return [(info, {}) for info in adjustments.listen]


def _most_connections() -> int:
    """Let this process open as many files as it may, and return how many connections that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(64, min(MAX_CONNECTIONS, soft - _OTHER_FILES))
