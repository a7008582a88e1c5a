"""What the worker does about personal data: erases who is due, erases what came late, makes exports and deletes old ones."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.claims import NOW, Queue, Row, claim_next
from portal.database import table_of
from portal.events.rules import WORKER
from portal.merchants.queries import list_merchants
from portal.privacy.models import Erasure, Export
from portal.privacy.operations.erasing import (
    begin_erasure,
    finish_erasure,
    has_to_wait,
    list_tokens_in_use,
    note_scrubbed,
    remove_methods,
)
from portal.privacy.operations.exporting import (
    ExportGone,
    begin_again,
    delete_old_exports,
    drop_export,
    finish_export,
)
from portal.privacy.operations.making import write_export
from portal.privacy.operations.scrubbing import scrub
from portal.privacy.rules.erasures import CLAIMED_FOR, MESSAGES_CHECKED_EVERY, MONEY_CHECKED_EVERY
from portal.services import Services
from portal.tenancy import Scope

log = logging.getLogger(__name__)
_BATCH = 20


def erase_customers(services: Services) -> int:
    """Go on with the erasures that are due; return how many were claimed. One that is killed is due again by itself, and goes on."""
    count = 0
    while count < _BATCH and (row := claim_next(services, _DUE)) is not None:
        count += 1
        scope = Scope(row.merchant_id, row.customer_id)
        if row.begun_at is None:
            _begin(services, scope)
        else:
            _go_on(services, scope)
    return count


def erase_late_arrivals(services: Services) -> int:
    """Erase again what reached an erased customer since: the outcome of a payment by an invoice's link, an event of a gateway that
    came late. Return how many customers that were."""
    with services.database.read() as reader:
        rows = reader.execute(_LATE).all()
    for row in rows:
        scope, at = Scope(row.merchant_id, row.customer_id), services.clock.now()
        services.database.run(partial(remove_methods, scope=scope, actor=WORKER, at=at))
        needed = services.database.run(partial(list_tokens_in_use, scope=scope))
        scrub(services.database, services.settings.keys, scope, services.crash_point, but_methods=needed)
        if not needed:
            services.database.run(partial(note_scrubbed, scope=scope, at=at))
    if rows:
        services.database.forget_old_pages()
    return len(rows)


def make_exports(services: Services) -> int:
    """Make the exports that were requested; return how many were claimed. One that is killed is begun again by itself."""
    count = 0
    while count < _BATCH and (row := claim_next(services, _REQUESTED)) is not None:
        count += 1
        scope, database = Scope(row.merchant_id, row.customer_id), services.database
        database.run(partial(begin_again, scope=scope, export_id=row.id))
        try:
            byte_count = write_export(services, scope, row.id, person_id=row.person_id, locale=row.locale)
        except ExportGone:
            log.info("export.gone", extra={"merchant": scope.merchant_id, "export": row.id})
            continue
        at = services.clock.now()
        finished = partial(finish_export, scope=scope, export_id=row.id, byte_count=byte_count, actor=WORKER, at=at)
        if not database.run(finished):
            database.run(partial(drop_export, scope=scope, export_id=row.id))
    return count


def delete_exports(services: Services) -> int:
    """Delete the exports whose days are over, of one merchant after the other; return how many."""
    with services.database.read() as reader:
        merchants = list_merchants(reader)
    at = services.clock.now()
    return sum(
        services.database.run(partial(delete_old_exports, merchant_id=merchant.id, at=at)) for merchant in merchants
    )


def _begin(services: Services, scope: Scope) -> None:
    at = services.clock.now()
    if not services.database.run(partial(begin_erasure, scope=scope, actor=WORKER, at=at)):
        _look_again(services, scope, at + MONEY_CHECKED_EVERY)


def _go_on(services: Services, scope: Scope) -> None:
    database, at = services.database, services.clock.now()
    if database.run(partial(has_to_wait, scope=scope, at=at)):
        _look_again(services, scope, at + MESSAGES_CHECKED_EVERY)
        return
    scrub(database, services.settings.keys, scope, services.crash_point)
    finished = partial(
        finish_erasure, scope=scope, actor=WORKER, at=services.clock.now(), tombstones=services.settings.erasures_file
    )
    if database.run(finished):
        log.info("customer.erased", extra={"merchant": scope.merchant_id, "customer": scope.customer_id})
        database.forget_old_pages()


def _look_again(services: Services, scope: Scope, at: datetime) -> None:
    parameters = {"of_merchant": scope.merchant_id, "of_customer": scope.customer_id, "at": at}
    services.database.run(lambda session: session.execute(_POSTPONE, parameters))


def _claimed(_row: Row, now: datetime) -> dict[str, Any]:
    return {"next_try_at": now + CLAIMED_FOR}


_ERASURES, _ENTRIES = table_of(Erasure), table_of(AuditEntry)
_DUE = Queue(
    Erasure,
    columns=(Erasure.begun_at, Erasure.next_try_at),
    is_due=_ERASURES.c.next_try_at <= NOW,
    order_by=(Erasure.next_try_at,),
    claim=_claimed,
)
_EXPORTS = table_of(Export)
_REQUESTED = Queue(
    Export,
    columns=(Export.customer_id, Export.person_id, Export.locale, Export.next_try_at),
    is_due=_EXPORTS.c.next_try_at <= NOW,
    order_by=(Export.next_try_at,),
    claim=_claimed,
)
_POSTPONE = (
    sa.update(_ERASURES)
    .where(
        _ERASURES.c.merchant_id == sa.bindparam("of_merchant"),
        _ERASURES.c.customer_id == sa.bindparam("of_customer"),
        _ERASURES.c.erased_at.is_(None),
    )
    .values(next_try_at=sa.bindparam("at"))
)
# Whatever happens to a customer leaves an audit entry: for each erased one the end of a range of an index is looked at.
_LATE = (
    sa.select(_ERASURES.c.merchant_id, _ERASURES.c.customer_id)
    .where(
        _ERASURES.c.erased_at.is_not(None),
        sa.exists().where(
            _ENTRIES.c.merchant_id == _ERASURES.c.merchant_id,
            _ENTRIES.c.customer_id == _ERASURES.c.customer_id,
            _ENTRIES.c.id > _ERASURES.c.scrubbed_through,
        ),
    )
    .limit(_BATCH)
    .execution_options(tenant_wide=True)
)
