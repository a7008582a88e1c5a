"""A mail server on this machine that stores what it receives; it can be set to refuse or to be down."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

_CODE = re.compile(r"^([0-9A-Z]{4}-[0-9A-Z]{4})$", re.MULTILINE)


@dataclass(frozen=True)
class Caught:
    """A message as it came: the envelope's recipients and the bytes."""

    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def has_code(self) -> bool:
        return _CODE.search(self.text) is not None

    @property
    def code(self) -> str:
        """What stands alone on the first line that looks like a code."""
        found = _CODE.search(self.text)
        assert found, self.text
        return found[1]

    @property
    def link(self) -> str:
        """The address that stands alone on a line."""
        found = re.search(r"^(https?://\S+)$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    def _part(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class MailCatcher:
    """`answer` is the server's reply to a recipient: "250 OK" unless a test sets another."""

    url: str = ""
    answer: str = "250 OK"
    caught: list[Caught] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        with self._lock:
            self.caught.append(Caught(tuple(envelope.rcpt_tos), envelope.content))
        return "250 OK"

    def take(self) -> list[Caught]:
        """What came since the last time."""
        with self._lock:
            caught, self.caught = self.caught, []
        return caught


@contextmanager
def catch_mail() -> Iterator[MailCatcher]:
    """A mail server on a free port of this machine."""
    # It tells of each connection in a thread of its own, at times when what the test's log was written to is closed.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    catcher = MailCatcher(f"smtp://127.0.0.1:{port}")
    controller = Controller(catcher, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        yield catcher
    finally:
        controller.stop()
