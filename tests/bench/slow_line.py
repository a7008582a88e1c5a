"""A slow line with TLS before a server, for one browser: what a throttled browser leaves out are the round trips of connections.

Every connection waits a round trip for TCP, then as many as its bytes need: TLS goes through the line as it does on a real one. All share
what comes in; each begins with ten packets in flight and doubles (slow start). Names are not looked up, and no packet is lost.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.bench.servers import free_port

HOST = "127.0.0.1"
_PACKET = 1_460
_FIRST_PACKETS = 10
_FORWARDED = b"\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: "


class _Way:
    """One direction of the line: whatever is sent leaves after what was sent before, and arrives half a round trip later."""

    def __init__(self, megabits: float, latency_seconds: float) -> None:
        self._bytes_a_second = megabits * 125_000
        self._half = latency_seconds / 2
        self._is_free_at = 0.0

    def arrival(self, size: int, *, sent_at: float) -> float:
        self._is_free_at = max(sent_at, self._is_free_at) + size / self._bytes_a_second
        return self._is_free_at + self._half


class _Line:
    """The line itself: connections at its near end come out at `far_port` later."""

    def __init__(self, far_port: int, megabits: float, latency_seconds: float) -> None:
        self._far_port, self._latency = far_port, latency_seconds
        self._up, self._down = _Way(megabits, latency_seconds), _Way(megabits, latency_seconds)

    async def carry(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far, far_out = await asyncio.open_connection(HOST, self._far_port)
        opened_at = asyncio.get_running_loop().time() + self._latency
        await _both(self._move(near, far_out, self._up, opened_at), self._move(far, near_out, self._down, opened_at))

    async def _move(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: _Way, opened_at: float
    ) -> None:
        loop, window, in_flight, confirmed = asyncio.get_running_loop(), _FIRST_PACKETS * _PACKET, 0, asyncio.Event()

        def confirm(size: int) -> None:
            nonlocal window, in_flight
            window, in_flight = window + size, in_flight - size
            confirmed.set()

        with suppress(ConnectionError):
            while packet := await source.read(_PACKET):
                while in_flight + len(packet) > window:
                    confirmed.clear()
                    await confirmed.wait()
                in_flight += len(packet)
                arrives_at = way.arrival(len(packet), sent_at=max(loop.time(), opened_at))
                loop.call_at(arrives_at, _write, sink, packet)
                loop.call_at(arrives_at + self._latency / 2, confirm, len(packet))
            loop.call_at(way.arrival(0, sent_at=loop.time()), sink.close)


def _write(sink: asyncio.StreamWriter, packet: bytes) -> None:
    if not sink.is_closing():
        sink.write(packet)


class _Proxy:
    """What ends TLS, keeps connections open, and says so to the server as the operator's proxy does (docs/operating.md)."""

    def __init__(self, server_port: int, origin_host: str) -> None:
        self._server_port, self._host = server_port, origin_host.encode()

    async def serve(self, client: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        server, server_out = await asyncio.open_connection(HOST, self._server_port)
        await _both(
            self._pass(client, server_out, self._forwarded), self._pass(server, client_out, lambda piece: piece)
        )

    @staticmethod
    async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, change: Callable[[bytes], bytes]) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(65_536):
                sink.write(change(piece))
            sink.close()

    def _forwarded(self, piece: bytes) -> bytes:
        """A request of a visit is a GET without a body, in one piece."""
        return piece.replace(b"\r\nHost:", _FORWARDED + self._host + b"\r\nHost:", 1)


async def _both(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    """Both ways of a connection, until both have ended or the bench has: streams report a task that is cancelled as a fault."""
    with suppress(asyncio.CancelledError):
        await asyncio.gather(one, other)


@contextmanager
def slow_line_to(server_port: int, near_port: int, *, megabits: float, latency_ms: int) -> Iterator[None]:
    """A server behind TLS and a slow line, at `https://127.0.0.1:<near_port>`, until the end of the block."""
    loop, proxy_port = asyncio.new_event_loop(), free_port()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    line = _Line(proxy_port, megabits, latency_ms / 1000)
    proxy = _Proxy(server_port, f"{HOST}:{near_port}")
    with TemporaryDirectory(prefix="portal-tls-") as folder:
        listening: list[Awaitable[asyncio.Server]] = [
            asyncio.start_server(proxy.serve, HOST, proxy_port, ssl=_own_certificate(Path(folder))),
            asyncio.start_server(line.carry, HOST, near_port),
        ]
        for each in listening:
            asyncio.run_coroutine_threadsafe(_await(each), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _await(server: Awaitable[asyncio.Server]) -> asyncio.Server:
    return await server


async def _cancel_all() -> None:
    """Drop the connections that the browser still keeps open."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _own_certificate(folder: Path) -> ssl.SSLContext:
    """TLS by a certificate that nobody has signed, of the size and kind that is usual (P-256)."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a bench")]),
    )
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
