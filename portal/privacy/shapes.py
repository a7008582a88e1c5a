"""What is held about a customer, section by section, as an export has it: the API's shapes, and beside them every column that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.clock import write_instant
from portal.customers.queries.customers import StoredCustomer
from portal.customers.shapes import shape_customers
from portal.documents.queries import unpack
from portal.invoices.queries.credit_notes import StoredCreditNote
from portal.invoices.queries.invoices import StoredInvoice
from portal.invoices.shapes import shape_credit_note, shape_invoices
from portal.merchants.queries import MerchantProfile
from portal.migrations import all_tables
from portal.payment_methods.shapes import shape_method
from portal.payments.queries.payments import StoredPayment
from portal.payments.shapes import shape_payments
from portal.privacy.queries import StoredErasure, is_seen_by, owned_by
from portal.privacy.rules.erasures import MoneyUnderWay
from portal.privacy.rules.registry import OF_CUSTOMER, TREATMENTS, Treatment
from portal.refunds.shapes import shape_refund
from portal.tenancy import MerchantScope, Scope

Object: TypeAlias = dict[str, Any]
_BATCH = 200
_NAMES = MappingProxyType(
    {"customer_id": "customer", "invoice_id": "invoice", "payment_id": "payment", "payment_method_id": "payment_method"}
)
SECTIONS: Mapping[str, str] = MappingProxyType(
    {treatment.section: name for name, treatment in TREATMENTS.items() if treatment.section}
)
"""The table of each section of an export."""


def shape_erasure(erasure: StoredErasure, waits_for: MoneyUnderWay) -> dict[str, Any]:
    """Return an erasure as commands print it, and the API will."""
    return {
        "object": "erasure",
        "customer": erasure.customer_id,
        "merchant": erasure.merchant_id,
        "requested_at": write_instant(erasure.requested_at),
        "due_at": write_instant(erasure.due_at),
        "waits_for": [
            {"object": kind, "amount": money.amount, "currency": money.currency}
            for kind, sums in (("payment", waits_for.payments), ("refund", waits_for.refunds))
            for money in sums
        ],
        "begun_at": write_instant(erasure.begun_at) if erasure.begun_at else None,
        "erased_at": write_instant(erasure.erased_at) if erasure.erased_at else None,
    }


def read_customer(reader: Connection, scope: Scope, merchant: MerchantProfile) -> Object:
    """Return the customer itself."""
    table = all_tables().tables["customers"]
    row = reader.execute(sa.select(table).where(owned_by(table, OF_CUSTOMER, scope))).one()
    (shape,) = shape_customers(reader, merchant, [_stored(StoredCustomer, row)])
    return {**_plain(table, row, TREATMENTS["customers"]), **shape}


def read_section(
    reader: Connection, scope: Scope, merchant: MerchantProfile, section: str, *, person_id: str | None, at: datetime
) -> Iterator[Object]:
    """Yield the objects of a section as they are read, at most 200 in memory; `at` decides what is overdue.

    `person_id` is the person of the account for whom they are read, None for its own address: of the others there are role and name at most.
    """
    name = SECTIONS[section]
    table, treatment = all_tables().tables[name], TREATMENTS[name]
    streamed = reader.execution_options(stream_results=True, yield_per=_BATCH)
    statement = sa.select(table).where(
        owned_by(table, treatment.owner, scope), is_seen_by(table, treatment.personal, person_id)
    )
    withhold = _WITHHELD.get(name)
    with streamed.execute(statement) as result:
        for rows in result.partitions():
            shaped = _SHAPED[name](reader, merchant, rows, at) if name in _SHAPED else [{}] * len(rows)
            objects = [{**_plain(table, row, treatment), **shape} for row, shape in zip(rows, shaped, strict=True)]
            yield from withhold(reader, scope, objects, person_id) if withhold is not None else objects


def read_attached(reader: Connection, scope: Scope) -> Iterator[tuple[str, bytes]]:
    """Yield the merchant's own PDFs of the customer's invoices, by the invoice's id."""
    table = all_tables().tables["attached_documents"]
    mine = owned_by(table, TREATMENTS["attached_documents"].owner, scope)
    for invoice_id in (
        reader.execute(sa.select(table.c.invoice_id).where(mine).order_by(table.c.invoice_id)).scalars().all()
    ):
        yield (
            invoice_id,
            reader.execute(sa.select(table.c.content).where(mine, table.c.invoice_id == invoice_id)).scalar_one(),
        )


_Shape: TypeAlias = Callable[[Connection, MerchantProfile, Sequence[sa.Row[Any]], datetime], Sequence[Object]]


def _of_invoices(
    reader: Connection, merchant: MerchantProfile, rows: Sequence[sa.Row[Any]], at: datetime
) -> list[Object]:
    return shape_invoices(reader, merchant, [_stored(StoredInvoice, row) for row in rows], at=at)


def _of_payments(
    reader: Connection, merchant: MerchantProfile, rows: Sequence[sa.Row[Any]], _: datetime
) -> list[Object]:
    return shape_payments(reader, MerchantScope(merchant.id), [_stored(StoredPayment, row) for row in rows])


def _one_by_one(shape: Callable[[Any], Object]) -> _Shape:
    return lambda _reader, _merchant, rows, _at: [shape(row) for row in rows]


_SHAPED: Mapping[str, _Shape] = MappingProxyType(
    {
        "invoices": _of_invoices,
        "payments": _of_payments,
        "payment_methods": _one_by_one(shape_method),
        "refunds": _one_by_one(shape_refund),
        "credit_notes": _one_by_one(lambda row: shape_credit_note(_stored(StoredCreditNote, row))),
    }
)


def _of_others(_reader: Connection, _scope: Scope, people: list[Object], person_id: str | None) -> list[Object]:
    """Of the other persons of the account the id, by which events name them, the role and the name alone."""
    return [
        each if each["id"] == person_id else {**dict.fromkeys(each), **{key: each[key] for key in _OF_OTHERS}}
        for each in people
    ]


def _without_digits(_reader: Connection, _scope: Scope, payments: list[Object], _: str | None) -> list[Object]:
    """Payments by a pay link without the digits and the telephone of whoever paid: that is somebody else."""
    for payment in payments:
        if payment["pay_link_id"] is not None:
            payment["method_last4"] = payment["phone"] = None
            payment["payment_method"] = _undigited(payment["payment_method"])
    return payments


def _without_addresses(reader: Connection, scope: Scope, events: list[Object], person_id: str | None) -> list[Object]:
    """Events of other persons of the account without their mail addresses, and those of payments by a pay link without digits."""
    payments = all_tables().tables["payments"].c
    by_link = set(
        reader.execute(
            sa.select(payments.id).where(
                payments.merchant_id == scope.merchant_id,
                payments.id.in_({event["object_id"] for event in events}),
                payments.pay_link_id.is_not(None),
            )
        ).scalars()
    )
    for event in events:
        if event["object_id"] in by_link:
            event["data"] = {
                part: {**value, "payment_method": _undigited(value["payment_method"])}
                if "payment_method" in value
                else value
                for part, value in event["data"].items()
            }
        shape = event["data"].get("object") or {}
        if shape.get("object") == "person" and shape.get("id") != person_id:
            event["data"] = {
                part: {**value, "email": None} if value else value for part, value in event["data"].items()
            }
    return events


def _without_devices(_reader: Connection, _scope: Scope, consents: list[Object], person_id: str | None) -> list[Object]:
    """Consents without the device in which another person of the account gave them."""
    for row in consents:
        if row["person_id"] != person_id:
            row["network_address"] = row["user_agent"] = None
    return consents


def _without_customers(_reader: Connection, _scope: Scope, entries: list[Object], _: str | None) -> list[Object]:
    """Audit entries without the ids of other customers, which the merchant's proposals of merges are read from."""
    for entry in entries:
        entry["details"] = {name: value for name, value in entry["details"].items() if name not in _OTHER_CUSTOMERS}
    return entries


def _undigited(method: Object | None) -> Object | None:
    return {**method, "last4": None} if method else method


_OTHER_CUSTOMERS = frozenset({"same_address", "other"})
_OF_OTHERS = ("id", "customer", "role", "name")
_WITHHELD: Mapping[str, Callable[[Connection, Scope, list[Object], str | None], list[Object]]] = MappingProxyType(
    {
        "persons": _of_others,
        "payments": _without_digits,
        "audit_entries": _without_customers,
        "events": _without_addresses,
        "payment_method_consents": _without_devices,
    }
)
"""What is taken out of the rows of a table for whoever asks."""


def _stored(kind: Any, row: sa.Row[Any]) -> Any:
    return kind._make(row._mapping[name] for name in kind._fields)


def _plain(table: sa.Table, row: sa.Row[Any], treatment: Treatment) -> Object:
    return {
        _NAMES.get(name, name): _value(value)
        for name, value in zip(table.c.keys(), row, strict=True)
        if name != "merchant_id" and name not in treatment.secret
    }


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return write_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return unpack(value) if isinstance(value, bytes) else value
