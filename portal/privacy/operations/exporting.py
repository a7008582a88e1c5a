"""Copies of what is held about a customer: requested, made into pieces of a ZIP by the worker, deleted."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.models import Customer
from portal.customers.operations import lock_customer
from portal.database import Database, table_of
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.privacy.errors import ExportUnderWay, TooManyExports
from portal.privacy.models import Export, ExportPart
from portal.privacy.queries import count_exports_since
from portal.public_ids import new_id
from portal.tenancy import Scope

KEPT_FOR = timedelta(days=7)
CLAIMED_FOR = timedelta(minutes=10)
"""How long a worker has an export for itself after each piece. One that is killed is begun again by another after that."""
_PIECE_BYTES = 256 * 1024


class ExportGone(Exception):
    """The export that is being made is not wanted any more: its customer was erased, or another worker has made it."""


def request_export(session: Session, scope: Scope, *, locale: str, most_a_day: int, actor: Actor, at: datetime) -> str:
    """Request a copy of all that is held about a customer, its page in the language of `locale`; return its id.

    The worker makes it. Raises ExportUnderWay while another one is being made, and TooManyExports.
    """
    lock_customer(session, scope)
    waiting = session.execute(
        sa.select(Export.id).where(
            Export.merchant_id == scope.merchant_id, Export.customer_id == scope.customer_id, Export.status == "requested"
        )
    ).first()  # fmt: skip
    if waiting is not None:
        raise ExportUnderWay
    if count_exports_since(session, scope, at=at) >= most_a_day:
        raise TooManyExports
    export_id = new_id("exp", at)
    session.add(
        Export(
            merchant_id=scope.merchant_id, id=export_id, customer_id=scope.customer_id, person_id=actor.person, status="requested",
            locale=locale, requested_at=at, next_try_at=at, expires_at=at + KEPT_FOR,
        )
    )  # fmt: skip
    session.flush()
    _record(session, scope, EventType.CUSTOMER_EXPORT_REQUESTED, export_id, actor, at)
    return export_id


class Pieces(io.RawIOBase):
    """A file to write a ZIP to, which stores it piece by piece; `zipfile` needs nothing else of a stream that cannot seek.

    Each piece is a transaction of its own, which also prolongs the worker's claim. Raises ExportGone.
    """

    def __init__(self, database: Database, scope: Scope, export_id: str, now: Any) -> None:
        self.byte_count = 0
        self._database, self._scope, self._export_id, self._now = database, scope, export_id, now
        self._buffer = bytearray()
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._buffer += piece
        while len(self._buffer) >= _PIECE_BYTES:
            self._store(_PIECE_BYTES)
        return len(piece)

    def finish(self) -> None:
        """Store what is left."""
        if self._buffer:
            self._store(len(self._buffer))

    def _store(self, size: int) -> None:
        content, position = bytes(self._buffer[:size]), self._position
        self._database.run(lambda session: self._insert(session, content, position))
        del self._buffer[:size]
        self._position += 1
        self.byte_count += size

    def _insert(self, session: Session, content: bytes, position: int) -> None:
        if not _prolong(session, self._scope, self._export_id, self._now() + CLAIMED_FOR):
            raise ExportGone
        session.add(
            ExportPart(
                merchant_id=self._scope.merchant_id, export_id=self._export_id, position=position, content=content
            )
        )


def write_zip(pieces: Pieces, files: Iterator[tuple[str, Iterator[bytes]]], *, at: datetime) -> None:
    """Write these files, each a name and its bytes as they come, as a ZIP."""
    when = (min(max(at.year, 1980), 2107), *at.timetuple()[1:6])
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, when)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                for part in content:
                    file.write(part)
    pieces.finish()


def begin_again(session: Session, scope: Scope, export_id: str) -> None:
    """Delete the pieces of a worker that was killed."""
    _delete_parts(session, scope.merchant_id, [export_id])


def finish_export(
    session: Session, scope: Scope, export_id: str, *, byte_count: int, actor: Actor, at: datetime
) -> bool:
    """Say that an export is ready, once, and let go of those that the same person had before it; return False where it is not wanted any more."""
    lock_customer(session, scope)
    export = session.get(Export, (scope.merchant_id, export_id), with_for_update=True)
    customer = session.get(Customer, (scope.merchant_id, scope.customer_id))
    if export is None or export.status != "requested" or customer is None or customer.deleted_at is not None:
        return False
    before = session.execute(
        sa.select(Export).where(
            Export.merchant_id == scope.merchant_id, Export.customer_id == scope.customer_id, Export.status == "ready",
            Export.person_id.is_not_distinct_from(export.person_id),
        )
    ).scalars().all()  # fmt: skip
    _delete_parts(session, scope.merchant_id, [each.id for each in before])
    for each in before:
        _become(each, "replaced")
    _become(export, "ready")
    export.next_try_at, export.made_at, export.byte_count, export.expires_at = None, at, byte_count, at + KEPT_FOR
    _record(session, scope, EventType.CUSTOMER_EXPORTED, export_id, actor, at)
    return True


def drop_export(session: Session, scope: Scope, export_id: str) -> None:
    """Delete an export, with its bytes."""
    _delete_parts(session, scope.merchant_id, [export_id])
    session.execute(sa.delete(_EXPORTS).where(_EXPORTS.c.merchant_id == scope.merchant_id, _EXPORTS.c.id == export_id))


def delete_old_exports(session: Session, merchant_id: str, *, at: datetime) -> int:
    """Delete the merchant's exports whose days are over, with their bytes, made or not; return how many."""
    over = (_EXPORTS.c.merchant_id == merchant_id, _EXPORTS.c.expires_at <= at)
    ids = session.execute(sa.select(_EXPORTS.c.id).where(*over)).scalars().all()
    if ids:
        _delete_parts(session, merchant_id, list(ids))
        session.execute(sa.delete(_EXPORTS).where(_EXPORTS.c.merchant_id == merchant_id, _EXPORTS.c.id.in_(ids)))
    return len(ids)


_EXPORTS, _PARTS = table_of(Export), table_of(ExportPart)


def _become(export: Export, status: str) -> None:
    export.status = status


def _prolong(session: Session, scope: Scope, export_id: str, until: datetime) -> bool:
    result: Any = session.execute(
        sa.update(_EXPORTS)
        .where(_EXPORTS.c.merchant_id == scope.merchant_id, _EXPORTS.c.id == export_id, _EXPORTS.c.status == "requested")
        .values(next_try_at=until)
    )  # fmt: skip
    return int(result.rowcount) == 1


def _delete_parts(session: Session, merchant_id: str, export_ids: list[str]) -> None:
    session.execute(sa.delete(_PARTS).where(_PARTS.c.merchant_id == merchant_id, _PARTS.c.export_id.in_(export_ids)))


def _record(session: Session, scope: Scope, event_type: EventType, export_id: str, actor: Actor, at: datetime) -> None:
    event = Event(
        type=event_type, merchant_id=scope.merchant_id, object_id=scope.customer_id, customer_id=scope.customer_id,
        details={"export": export_id}, at=at,
    )  # fmt: skip
    record(session, actor, event)
