"""Reads of imports: the runs, what they made, and by which addresses files name customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.importing.models import ImportedAddress, ImportedObject, ImportRun
from portal.importing.rules.people import address_digest


class StoredRun(NamedTuple):
    """A run of an import. Counts are of rows; `ImportRun` says what else is what."""

    merchant_id: str
    id: str
    kind: str
    file: str
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    started_at: datetime
    finished_at: datetime | None
    undone_at: datetime | None


_COLUMNS = [getattr(ImportRun, name) for name in StoredRun._fields]


def list_runs(reader: Reader, merchant_id: str) -> list[StoredRun]:
    """Return a merchant's runs, the newest first."""
    rows = reader.execute(
        sa.select(*_COLUMNS).where(ImportRun.merchant_id == merchant_id).order_by(ImportRun.id.desc())
    )
    return [StoredRun._make(row) for row in rows]


def find_run(reader: Reader, run_id: str) -> StoredRun | None:
    """Return a run of any merchant: the id, which nobody guesses, is what the operator has."""
    row = reader.execute(sa.select(*_COLUMNS).where(ImportRun.id == run_id).execution_options(tenant_wide=True)).first()
    return StoredRun._make(row) if row else None


def list_objects(reader: Reader, merchant_id: str, run_id: str, *, prefix: str, after: str, most: int) -> list[str]:
    """Return up to `most` of what a run made and is not undone yet, of the ids that begin with `prefix`, by id from `after` on."""
    return list(
        reader.execute(
            sa.select(ImportedObject.object_id)
            .where(
                ImportedObject.merchant_id == merchant_id,
                ImportedObject.run_id == run_id,
                ImportedObject.object_id.startswith(prefix, autoescape=True),
                ImportedObject.object_id > after,
            )
            .order_by(ImportedObject.object_id)
            .limit(most)
        ).scalars()
    )


def list_made_by(reader: Reader, merchant_id: str, run_id: str, object_ids: Collection[str]) -> set[str]:
    """Return those of these objects that a run made."""
    if not object_ids:
        return set()
    return set(
        reader.execute(
            sa.select(ImportedObject.object_id).where(
                ImportedObject.merchant_id == merchant_id,
                ImportedObject.run_id == run_id,
                ImportedObject.object_id.in_(sorted(object_ids)),
            )
        ).scalars()
    )


def list_addresses(reader: Reader, merchant_id: str, email_keys: Collection[str]) -> Mapping[str, list[str]]:
    """Return the customers whom files have named by these addresses, by the address's digest."""
    found: dict[str, list[str]] = defaultdict(list)
    if not email_keys:
        return found
    rows = reader.execute(
        sa.select(ImportedAddress.email_digest, ImportedAddress.customer_id).where(
            ImportedAddress.merchant_id == merchant_id,
            ImportedAddress.email_digest.in_(sorted(address_digest(key) for key in email_keys)),
        )
    )
    for digest, customer_id in rows:
        found[digest].append(customer_id)
    return found
