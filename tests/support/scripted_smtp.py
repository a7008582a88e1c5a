"""A mail server of one thread that replies to each step as a test has scripted it, and counts the messages that it took."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

REPLIES: Mapping[str, str] = {
    "greeting": "220 ready",
    "EHLO": "250-here\r\n250-AUTH PLAIN\r\n250 SMTPUTF8",
    "HELO": "250 here",
    "AUTH": "235 welcome",
    "STARTTLS": "454 not now",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 go on",
    "end of data": "250 OK",
    "QUIT": "221 bye",
}


@dataclass
class ScriptedSmtp:
    """`url` is without a login; `taken_count` counts messages whose last reply was 2xx, `session_count` connections."""

    port: int
    taken_count: int = 0
    session_count: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextmanager
def scripted_smtp(**replies: str) -> Iterator[ScriptedSmtp]:
    """Serve with REPLIES but for those given; underscores in a name stand for blanks (`end_of_data`), and "" hangs up."""
    said = {**REPLIES, **{step.replace("_", " "): reply for step, reply in replies.items()}}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedSmtp(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, server, said))
        thread.start()
        try:
            yield server
        finally:
            # Closing alone does not wake a thread that waits in accept().
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)


def _serve(listener: socket.socket, server: ScriptedSmtp, said: Mapping[str, str]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        server.session_count += 1
        connection.settimeout(10)
        with connection, connection.makefile("rb") as lines:
            _talk(connection, lines, server, said)


def _talk(connection: socket.socket, lines: Iterator[bytes], server: ScriptedSmtp, said: Mapping[str, str]) -> None:
    def reply(step: str) -> str:
        if not said[step]:
            raise OSError("hangs up")
        connection.sendall(f"{said[step]}\r\n".encode())
        return said[step]

    try:
        reply("greeting")
        for line in lines:
            verb = line.split()[0].decode().upper() if line.split() else ""
            if verb not in said:
                connection.sendall(b"250 OK\r\n")
            elif reply(verb).startswith("354"):
                while next(lines) != b".\r\n":
                    pass
                server.taken_count += reply("end of data").startswith("2")
    except (OSError, StopIteration):
        return
