"""Makes an export: reads one snapshot of all that is held, and writes it as JSON, as a page, and with the merchant's own PDFs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from portal.clock import write_instant
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.privacy.operations.exporting import Pieces, write_zip
from portal.privacy.operations.readable import write_page
from portal.privacy.shapes import SECTIONS, read_attached, read_customer, read_section
from portal.services import Services
from portal.tenancy import Scope

VERSION = 1
"""The version of the JSON; a key that changes its meaning gets the next one."""
Files = Iterator[tuple[str, Iterator[bytes]]]


def write_export(services: Services, scope: Scope, export_id: str, *, person_id: str | None, locale: str) -> int:
    """Write the ZIP of an export into its pieces; return how many bytes it has. Neither the data nor the ZIP is ever whole in memory.
    `person_id` is the person of the account who asked for it, None for its own address.

    Raises ExportGone.
    """
    at = services.clock.now()
    pieces = Pieces(services.database, scope, export_id, services.clock.now)
    with services.database.snapshot() as reader:
        merchant = get_merchant(reader, scope.merchant_id)
        write_zip(pieces, _files(reader, scope, merchant, person_id, locale, at), at=at)
    return pieces.byte_count


def _files(
    reader: Connection, scope: Scope, merchant: MerchantProfile, person_id: str | None, locale: str, at: datetime
) -> Files:
    customer, counts = read_customer(reader, scope, merchant), dict.fromkeys(SECTIONS, 0)
    read = partial(read_section, reader, scope, merchant, person_id=person_id, at=at)
    yield "data.json", _json(customer, merchant, counts, read, at)
    page = write_page(
        locale=locale, zone=ZoneInfo(merchant.timezone), merchant_name=merchant.name, made_at=at, customer=customer,
        counts=counts, read=read,
    )  # fmt: skip
    yield "data.html", page
    for invoice_id, content in read_attached(reader, scope):
        yield f"documents/{invoice_id}.pdf", iter([content])


def _json(
    customer: dict[str, Any], merchant: MerchantProfile, counts: dict[str, int], read: Any, at: datetime
) -> Iterator[bytes]:
    """Yield the document, and count the objects of each section."""
    head = {
        "object": "export", "version": VERSION, "made_at": write_instant(at),
        "merchant": {"id": merchant.id, "name": merchant.legal_name}, "customer": customer,
    }  # fmt: skip
    yield _line(head)[:-1].encode()
    for section in SECTIONS:
        yield f',\n"{section}": ['.encode()
        for each in read(section):
            yield (",\n" if counts[section] else "\n").encode() + _line(each).encode()
            counts[section] += 1
        yield b"]"
    yield b"}\n"


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
