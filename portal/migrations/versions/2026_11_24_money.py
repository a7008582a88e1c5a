"""The ledger, customers' credit, and ways to pay: parts, deposits, prices in other currencies, splits, telephones.

What is there already is carried forward into the ledger as opening entries, so that its balances are the ones of the rows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from portal.database import Count, Digest, Flag, Id, Instant, Json, Minor
from portal.ledger.operations.posting import post
from portal.ledger.rules import Entry, Posting
from portal.money import Money

revision = "2026_11_24_money"
down_revision = "2026_11_21_first_tables"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("ledger_transactions", "ledger_entries", "ledger_seals")
_ENTRIES_OF_NEW = "from ledger_entries where merchant_id = new.merchant_id and transaction_id = new.id"

_ON_SQLITE = (
    f"""
create trigger ledger_transactions_balanced before insert on ledger_transactions
when (select count(*) {_ENTRIES_OF_NEW}) <> new.entry_count
  or exists (select 1 {_ENTRIES_OF_NEW} group by currency having sum(amount) <> 0)
begin select raise(abort, 'ledger_transactions do not sum to zero'); end
""",
    """
create trigger ledger_entries_open before insert on ledger_entries
when exists (select 1 from ledger_transactions where merchant_id = new.merchant_id and id = new.transaction_id)
begin select raise(abort, 'ledger_transactions that are closed take no entries'); end
""",
)
_ON_POSTGRESQL = (
    """
create function ledger_refuse() returns trigger language plpgsql as
$$ begin raise exception 'the ledger is append-only'; end $$
""",
    f"""
create function ledger_balanced() returns trigger language plpgsql as $$
begin
  if (select count(*) {_ENTRIES_OF_NEW}) <> new.entry_count
    or exists (select 1 {_ENTRIES_OF_NEW} group by currency having sum(amount) <> 0)
  then raise exception 'ledger_transactions do not sum to zero'; end if;
  return new;
end $$
""",
    """
create function ledger_open() returns trigger language plpgsql as $$
begin
  if exists (select 1 from ledger_transactions where merchant_id = new.merchant_id and id = new.transaction_id)
  then raise exception 'ledger_transactions that are closed take no entries'; end if;
  return new;
end $$
""",
    """
create trigger ledger_transactions_balanced before insert on ledger_transactions
for each row execute function ledger_balanced()
""",
    """
create trigger ledger_entries_open before insert on ledger_entries
for each row execute function ledger_open()
""",
)


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "ledger_transactions",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("source", Id, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("entry_count", Count, nullable=False),
        sa.Column("digest", Digest, nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_ledger_transactions_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("merchant_id", "kind", "source", name="uq_ledger_transactions_one_effect"),
        sqlite_strict=True,
    )
    op.create_table(
        "ledger_entries",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("transaction_id", Id, nullable=False),
        sa.Column("position", Count, nullable=False),
        sa.Column("account", Id, nullable=False),
        sa.Column("amount", Minor, nullable=False),
        sa.Column("currency", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("invoice_id", Id, nullable=True),
        sa.Column("payment_id", Id, nullable=True),
        sa.Column("gateway", Id, nullable=True),
        sa.Column("digest", Digest, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount_not_zero")),
        sa.CheckConstraint(
            "account in ('receivable', 'gateway', 'credit', 'refunds', 'refunds_in_transit', 'sales', 'exchange', 'opening')",
            name=op.f("ck_ledger_entries_account_known"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "transaction_id"],
            ["ledger_transactions.merchant_id", "ledger_transactions.id"],
            name=op.f("fk_ledger_entries_merchant_id_transaction_id"),
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_ledger_entries_merchant_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "invoice_id"],
            ["invoices.merchant_id", "invoices.id"],
            name=op.f("fk_ledger_entries_merchant_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name=op.f("fk_ledger_entries_merchant_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "transaction_id", "position", name=op.f("pk_ledger_entries")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_ledger_entries_of_customer", "ledger_entries", ["merchant_id", "customer_id", "account", "currency"]
    )
    op.create_index("ix_ledger_entries_merchant_id_invoice_id", "ledger_entries", ["merchant_id", "invoice_id"])
    op.create_index("ix_ledger_entries_merchant_id_payment_id", "ledger_entries", ["merchant_id", "payment_id"])
    op.create_table(
        "ledger_seals",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("sequence", Count, nullable=False),
        sa.Column("transaction_id", Id, nullable=False),
        sa.Column("digest", Digest, nullable=False),
        sa.Column("sealed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "transaction_id"],
            ["ledger_transactions.merchant_id", "ledger_transactions.id"],
            name=op.f("fk_ledger_seals_merchant_id_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "sequence", name=op.f("pk_ledger_seals")),
        sa.UniqueConstraint("merchant_id", "transaction_id", name="uq_ledger_seals_one_a_transaction"),
        sqlite_strict=True,
    )
    op.create_table(
        "ledger_unsealed",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("transaction_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "transaction_id"],
            ["ledger_transactions.merchant_id", "ledger_transactions.id"],
            name=op.f("fk_ledger_unsealed_merchant_id_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "transaction_id", name=op.f("pk_ledger_unsealed")),
        sqlite_strict=True,
    )
    op.create_table(
        "customer_balances",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("currency", Id, nullable=False),
        sa.Column("amount", Minor, nullable=False),
        sa.Column("amount_reserved", Minor, nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "amount >= 0 and amount_reserved >= 0", name=op.f("ck_customer_balances_amounts_not_negative")
        ),
        sa.CheckConstraint("amount_reserved <= amount", name=op.f("ck_customer_balances_never_beyond_amount")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "customer_id"],
            ["customers.merchant_id", "customers.id"],
            name=op.f("fk_customer_balances_merchant_id_customer_id"),
        ),
        sa.PrimaryKeyConstraint("merchant_id", "customer_id", "currency", name=op.f("pk_customer_balances")),
        sqlite_strict=True,
    )
    _widen()
    for statement in _ON_SQLITE if is_sqlite else _ON_POSTGRESQL:
        op.execute(statement)
    _carry_forward()
    for table in _APPEND_ONLY:
        if is_sqlite:
            for verb in ("update", "delete"):
                op.execute(
                    f"create trigger {table}_{verb}_refused before {verb} on {table}"
                    f" begin select raise(abort, '{table} is append-only'); end"
                )
        else:
            op.execute(
                f"create trigger {table}_append_only before update or delete on {table}"
                " for each row execute function ledger_refuse()"
            )


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.drop_table("customer_balances")
    for table in ("ledger_unsealed", "ledger_seals", "ledger_entries", "ledger_transactions"):
        op.drop_table(table)
    if not is_sqlite:
        for function in ("ledger_open", "ledger_balanced", "ledger_refuse"):
            op.execute(f"drop function {function}()")
    op.drop_index("ix_payments_split", "payments")
    # In reverse order: dropping a column drops its check, which names columns before it.
    for table, columns in reversed(_columns().items()):
        for column in reversed(columns):
            op.drop_column(table, column.name)


def _columns() -> dict[str, list[sa.Column[Any]]]:
    """New columns by table. A check is part of its column, since SQLite cannot add another."""
    no = sa.false()
    kind_known = sa.CheckConstraint("kind in ('invoice', 'top_up')", name=op.f("ck_payments_kind_known"))
    refunded_within_charged = sa.CheckConstraint(
        "credit_amount >= 0 and credit_amount <= amount and amount_refunded <= amount - credit_amount",
        name=op.f("ck_payments_refunded_within_charged"),
    )
    amount_mode_known = sa.CheckConstraint(
        "amount_mode is null or amount_mode in ('fixed', 'editable', 'editable_after_insufficient_funds')",
        name=op.f("ck_invoices_amount_mode_known"),
    )
    choices_in_range = sa.CheckConstraint(
        "(minimum_amount is null or minimum_amount > 0) and (maximum_amount is null or maximum_amount > 0)"
        " and (deposit_amount is null or (deposit_amount > 0 and deposit_amount < total))",
        name=op.f("ck_invoices_choices_in_range"),
    )
    return {
        "payments": [
            sa.Column("kind", Id, kind_known, nullable=False, server_default="invoice"),
            sa.Column("credit_amount", Minor, refunded_within_charged, nullable=False, server_default="0"),
            sa.Column("use_credit", Flag(), nullable=False, server_default=no),
            sa.Column("is_partial", Flag(), nullable=False, server_default=no),
            sa.Column("splits", Flag(), nullable=False, server_default=no),
            sa.Column("split_of", Id, nullable=True),
            sa.Column("channel", Id, nullable=True),
            sa.Column("phone", Id, nullable=True),
            sa.Column("gateway_page_reference", Id, nullable=True),
        ],
        "payment_allocations": [sa.Column("price", Minor, nullable=True)],
        "invoices": [
            sa.Column("amount_mode", Id, amount_mode_known, nullable=True),
            sa.Column("minimum_amount", Minor, nullable=True),
            sa.Column("maximum_amount", Minor, nullable=True),
            sa.Column("preset_amounts", Json(), nullable=False, server_default="[]"),
            sa.Column("deposit_amount", Minor, choices_in_range, nullable=True),
            sa.Column("prices", Json(), nullable=False, server_default="{}"),
        ],
        "merchants": [sa.Column("payment_options", Json(), nullable=False, server_default="{}")],
    }


def _carry_forward() -> None:
    """Post existing rows: what is due of each invoice, each payment and its refunds, and unused credit."""
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "insert into customer_balances (merchant_id, customer_id, currency, amount, amount_reserved, updated_at)"
            " select merchant_id, customer_id, currency, sum(amount - amount_applied), 0, max(created_at)"
            " from credit_notes where amount_applied < amount group by merchant_id, customer_id, currency"
        )
    )
    owed = (
        "select merchant_id, id, customer_id, currency, total - amount_paid - amount_credited from invoices"
        " where status in ('open', 'partially_paid', 'uncollectible') and total > amount_paid + amount_credited"
    )
    for merchant_id, invoice_id, customer_id, currency, amount in connection.execute(sa.text(owed)).all():
        _post(
            connection, merchant_id, invoice_id, _pair("receivable", amount, currency, customer_id, invoice=invoice_id)
        )
    held = (
        "select merchant_id, id, customer_id, gateway, currency, amount - amount_refunded from payments"
        " where status in ('complete', 'partially_refunded', 'refunded')"
    )
    for merchant_id, payment_id, customer_id, gateway, currency, amount in connection.execute(sa.text(held)).all():
        pairs = _pair("gateway", amount, currency, customer_id, payment=payment_id, gateway=gateway)
        for refund_amount in connection.execute(
            sa.text(
                "select amount from refunds where merchant_id = :merchant and payment_id = :payment and status = 'pending'"
            ),
            {"merchant": merchant_id, "payment": payment_id},
        ).scalars():
            # Refund pending at the gateway.
            pairs += _pair("gateway", refund_amount, currency, customer_id, payment=payment_id, gateway=gateway)
            pairs += _pair("refunds_in_transit", -refund_amount, currency, customer_id, payment=payment_id)
        _post(connection, merchant_id, payment_id, pairs)
    credit = "select merchant_id, customer_id, currency, amount from customer_balances"
    for merchant_id, customer_id, currency, amount in connection.execute(sa.text(credit)).all():
        _post(connection, merchant_id, f"{customer_id}:{currency}", _pair("credit", -amount, currency, customer_id))


def _pair(
    account: str,
    amount: int,
    currency: str,
    customer_id: str,
    *,
    invoice: str | None = None,
    payment: str | None = None,
    gateway: str | None = None,
) -> list[Entry]:
    if amount == 0:
        return []
    return [
        Entry(account, Money(amount, currency), customer_id, invoice, payment, gateway),
        Entry("opening", Money(-amount, currency), customer_id, invoice, payment),
    ]


def _post(connection: sa.Connection, merchant_id: str, source: str, entries: list[Entry]) -> None:
    if entries:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            post(session, merchant_id, Posting("opening", source, _OPENED_AT, tuple(entries)))
            session.commit()


_OPENED_AT = datetime.now(UTC)


def _widen() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    only = sa.text("split_of is not null")
    op.create_index(
        "ix_payments_split", "payments", ["merchant_id", "split_of"], sqlite_where=only, postgresql_where=only
    )
