"""What tests of erasures do: request one, let the worker work, and know what the law keeps."""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa

from portal.events.rules import customer_actor
from portal.migrations import all_tables
from portal.privacy.jobs import erase_customers
from portal.privacy.models import Erasure
from portal.privacy.operations.erasing import request_erasure
from portal.tenancy import Scope
from portal.worker import build_handlers, run_once
from tests.support.bundled import bundled_renderer
from tests.support.site import Site

KEPT = {
    ("invoices", "description"), ("invoices", "bill_to"), ("invoice_lines", "description"), ("credit_notes", "description"),
    ("issued_documents", "content"), ("attached_documents", "content"),
}  # fmt: skip
"""What tax law keeps: the whole list of places in which a mark may be left. Drafts are not among them (`of_issued`)."""


def request(site: Site, scope: Scope | None = None, **how: Any) -> bool:
    scope = scope or site.scope
    return site.services.database.run(
        partial(request_erasure, scope=scope, actor=customer_actor(scope.customer_id), at=site.clock.now(), **how)
    )


def work(site: Site, *, rounds: int = 4) -> None:
    """What the worker does in some rounds, a minute after each other."""
    handlers = build_handlers(bundled_renderer())
    for _ in range(rounds):
        run_once(site.services, handlers)
        site.clock.advance(minutes=2)


def erase(site: Site) -> None:
    """What the worker does about erasures alone."""
    for _ in range(3):
        erase_customers(site.services)
        site.deliver()
        site.clock.advance(minutes=2)


def erasure(site: Site) -> Erasure | None:
    rows = site.rows(Erasure, merchant_id=site.scope.merchant_id, customer_id=site.scope.customer_id)
    return rows[0] if rows else None


def vars_of(row: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


def of_issued(site: Site) -> Any:
    """Whether a place is one that the law keeps: of issued invoices and credit notes alone."""
    with site.services.database.read() as reader:
        table = all_tables().tables["invoices"]
        drafts = set(reader.execute(sa.select(table.c.id).where(table.c.status == "draft")).scalars())

    def is_kept(name: str, column: str, row: Any) -> bool:
        return (name, column) in KEPT and not drafts & {row.get("id"), row.get("invoice_id"), row.get("object_id")}

    return is_kept
