"""The reckoning after kills: what the gateway's ledger says beside our own, invoice by invoice and in total."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from portal.database import Database
from portal.ledger.models import LedgerEntry
from portal.ledger.operations.checking import verify_ledger
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.rules.statuses import CAPTURED, UNSETTLED
from portal.refunds.models import Refund
from tests.support.live_accounts import LiveSandbox


@dataclass(frozen=True)
class Reckoning:
    """One merchant's money. `taken` and `booked` are minor units by currency, refunds taken off; `faults` is empty when all is well."""

    charge_count: int
    taken: Counter[str]
    booked: Counter[str]
    faults: tuple[str, ...]


def reckon(database: Database, sandbox: LiveSandbox, merchant_id: str, slug: str) -> Reckoning:
    """Compare both ledgers of a merchant of whom nothing is under way any more."""
    secret_key = f"sk_sandbox_{slug}"
    charges = [charge for charge in sandbox.ledger(account=secret_key) if charge["status"] == "succeeded"]
    taken = Counter[str]()
    for charge in charges:
        taken[charge["currency"]] += charge["amount"]
    taken.subtract(sandbox.refunded(secret_key))
    with database.snapshot() as reader:
        booked = Counter[str]()
        sums = sa.select(LedgerEntry.currency, sa.cast(sa.func.sum(LedgerEntry.amount), sa.BigInteger)).where(
            LedgerEntry.merchant_id == merchant_id, LedgerEntry.account == "gateway"
        )
        for currency, amount in reader.execute(sums.group_by(LedgerEntry.currency)):
            booked[currency] += amount
        payments = {
            row.id: row
            for row in reader.execute(
                sa.select(Payment.id, Payment.status, Payment.gateway_reference).where(
                    Payment.merchant_id == merchant_id
                )
            )
        }
        shares = reader.execute(
            sa.select(PaymentAllocation.payment_id, PaymentAllocation.invoice_id).where(
                PaymentAllocation.merchant_id == merchant_id
            )
        ).all()
        pending = reader.execute(
            sa.select(Refund.id).where(Refund.merchant_id == merchant_id, Refund.status == "pending")
        ).scalars()
        faults = [f"refund {refund_id} is still pending" for refund_id in pending]
        proof = verify_ledger(reader, merchant_id)
    if proof.wrong is not None:
        faults.append(f"the ledger is wrong: {proof.wrong}")
    if taken != booked:
        faults.append(f"the gateway holds {dict(taken)}, we booked {dict(booked)}")
    faults += [f"{row.id} is still {row.status}" for row in payments.values() if row.status in UNSETTLED]
    charged = defaultdict(list)
    for charge in charges:
        charged[charge["idempotency_key"]].append(charge["reference"])
    for payment_id, references in charged.items():
        row = payments.get(payment_id)
        if row is None or row.status not in CAPTURED or references != [row.gateway_reference]:
            faults.append(f"{payment_id} was charged as {references}, and we say {row}")
    for invoice_id, count in Counter(share.invoice_id for share in shares for _ in charged[share.payment_id]).items():
        if count > 1:
            faults.append(f"{invoice_id} was charged {count} times")
    return Reckoning(len(charges), taken, booked, tuple(faults))
