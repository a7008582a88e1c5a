"""A small HTTP client that keeps a few connections busy with one page: bounded in requests and in time, on this machine only."""

from __future__ import annotations

import re
import selectors
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

PATIENCE_SECONDS = 60
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


class LoadFailed(Exception):
    """The server did not answer every request with 200 in time: what was measured would be something else."""


@dataclass(frozen=True, slots=True)
class Target:
    """A page of a server on this machine, and the cookie that signs in there ("" for none)."""

    port: int
    path: str
    cookie: str = ""


def load(target: Target, requests: int, connections: int) -> float:
    """Ask for the page `requests` times over kept connections; the seconds from the first to the last byte. Raises LoadFailed."""
    question = _question(target)
    waiting = requests
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        links = [stack.enter_context(_connect(target.port)) for _ in range(min(connections, requests))]
        for link in links:
            selector.register(link, selectors.EVENT_READ, bytearray())
        started = time.perf_counter()
        for link in links:
            link.sendall(question)
        unsent = requests - len(links)
        while waiting:
            ready = selector.select(timeout=PATIENCE_SECONDS)
            if not ready or time.perf_counter() - started > PATIENCE_SECONDS:
                raise LoadFailed(f"{target.path} took longer than {PATIENCE_SECONDS} seconds")
            for key, _events in ready:
                answering, answer = key.fileobj, key.data
                assert isinstance(answering, socket.socket)
                piece = answering.recv(262_144)
                if not piece:
                    raise LoadFailed(f"the server closed a connection to {target.path}")
                answer += piece
                if not _is_whole(answer, target):
                    continue
                answer.clear()
                waiting -= 1
                if unsent:
                    answering.sendall(question)
                    unsent -= 1
        return time.perf_counter() - started


def fetch(target: Target) -> tuple[dict[str, str], bytes]:
    """Headers (names in small letters) and body of one answer. Raises LoadFailed when it is not a 200."""
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", target.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", target.path, headers={"Cookie": target.cookie} if target.cookie else {})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise LoadFailed(f"{target.path} answers {response.status}")
    return {name.lower(): value for name, value in response.getheaders()}, body


def _connect(port: int) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def _question(target: Target) -> bytes:
    cookie = f"Cookie: {target.cookie}\r\n" if target.cookie else ""
    # What a browser sends beside it is part of what a request costs, the same for every page here.
    return (
        f"GET {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36\r\n"
        "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.9\r\n"
        f"Accept-Encoding: gzip, deflate, br\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n{cookie}\r\n"
    ).encode()


def _is_whole(answer: bytearray, target: Target) -> bool:
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise LoadFailed(f"{target.path} answers {bytes(answer[:40])!r}")
    length = _LENGTH.search(answer, 0, head + 2)
    if length is None:
        raise LoadFailed(f"{target.path} comes without a length")
    return len(answer) >= head + 4 + int(length[1])
