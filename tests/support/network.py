"""The tests' network ends at this machine: whoever calls further is refused, in whatever library the call is made."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any


class NetworkRefused(Exception):
    """A test tried to reach another machine."""


def shut() -> None:
    """Refuse every look-up of and connection to anything but loopback, for the rest of this process."""
    sys.addaudithook(_refuse)


def is_loopback(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        return
    # An address is a tuple of host and port; of a Unix socket it is a path, and that stays on this machine.
    host = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    if isinstance(host, tuple):
        host = host[0]
    elif event != "socket.getaddrinfo":
        return
    if not is_loopback(host):
        raise NetworkRefused(f"{event} to {host!r}: tests reach nothing but this machine")
