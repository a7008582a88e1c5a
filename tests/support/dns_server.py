"""A name server on loopback, with the TXT records that a test gives it, and a resolver that asks it and nobody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

Records = Mapping[str, list[str]]
"""TXT records by name. A name above one of them exists without records; every other one does not."""


@contextmanager
def serve_names(records: Records) -> Iterator[dns.resolver.Resolver]:
    """Yield a resolver of a running server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_respond, args=(listening, records), daemon=True)
        thread.start()
        yield resolver_at(listening.getsockname()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", listening.getsockname())
        thread.join(timeout=10)


def resolver_at(port: int) -> dns.resolver.Resolver:
    """A resolver that asks this port of this machine."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    return resolver


def _respond(listening: socket.socket, records: Records) -> None:
    while True:
        wire, sender = listening.recvfrom(4096)
        if not wire:
            return
        listening.sendto(_response(dns.message.from_wire(wire), records).to_wire(), sender)


def _response(query: dns.message.Message, records: Records) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    (question,) = query.question
    name = question.name.to_text(omit_final_dot=True).lower()
    texts = records.get(name, [])
    if texts:
        response.answer.append(
            dns.rrset.from_text_list(question.name, 60, "IN", "TXT", [_quoted(text) for text in texts])
        )
    elif not any(known.endswith(f".{name}") for known in records):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response


def _quoted(text: str) -> str:
    """A record in strings of at most 255 characters, as long keys are published."""
    parts = [text[start : start + 255] for start in range(0, max(len(text), 1), 255)]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
