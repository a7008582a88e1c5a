"""What was chosen at the checkout is stored as it was chosen: the amount and the way; where credit alone pays there is no gateway;
money in advance is named where it is shown, not in the language in which somebody chose it."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.database import Id

revision = "2026_11_29_choices"
down_revision = "2026_11_29_reads"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A check stands in its column, since SQLite adds no other.
    amount_choice_known = sa.CheckConstraint(
        "amount_choice is null or amount_choice in ('full', 'deposit', 'preset', 'exact', 'first_part')",
        name=op.f("ck_payments_amount_choice_known"),
    )
    way_whole = sa.CheckConstraint(
        "(way is null and gateway is not null)"
        " or (way is not null and amount_choice is not null"
        " and (way = 'credit') = (gateway is null) and (way = 'credit') = (credit_amount = amount)"
        " and (way in ('new_method', 'credit') or (way = 'saved_method' and payment_method_id is not null)"
        " or (way = 'prompt' and channel is not null and phone is not null)))",
        name=op.f("ck_payments_way_whole"),
    )
    _change_gateway(is_nullable=True)
    op.add_column("payments", sa.Column("amount_choice", Id, amount_choice_known, nullable=True))
    op.add_column("payments", sa.Column("way", Id, way_whole, nullable=True))
    _name_amounts()
    op.execute(_WAYS)
    op.execute("update payments set description = '' where kind = 'top_up'")


def downgrade() -> None:
    op.execute("update payments set description = 'Money in advance' where kind = 'top_up' and description = ''")
    op.execute("update payments set is_partial = (amount_choice in ('deposit', 'preset', 'exact', 'first_part'))"
               " where amount_choice is not null and kind = 'invoice'")  # fmt: skip
    op.execute("update payments set splits = (amount_choice = 'first_part') where amount_choice is not null")
    op.drop_column("payments", "way")
    op.drop_column("payments", "amount_choice")
    op.execute("update payments set gateway = 'credit' where gateway is null")
    _change_gateway(is_nullable=False)


# What was imported was never opened here, and nobody chose it. A method that was entered on the gateway's page may have been saved
# since, so that an id alone does not say that it was chosen.
_WAYS = """
update payments set
    way = case
        when gateway = 'credit' then 'credit'
        when channel is not null and phone is not null then 'prompt'
        when payment_method_id is null or save_method then 'new_method'
        else 'saved_method'
    end,
    gateway = nullif(gateway, 'credit')
where opened_at is not null
"""


def _change_gateway(*, is_nullable: bool) -> None:
    """SQLite changes no column: another one takes its place."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("payments", "gateway", nullable=is_nullable)
        return
    op.drop_index("uq_payments_gateway_reference", "payments")
    op.execute("alter table payments rename column gateway to gateway_before")
    server_default = None if is_nullable else "sandbox"
    op.add_column("payments", sa.Column("gateway", Id, nullable=is_nullable, server_default=server_default))
    op.execute("update payments set gateway = gateway_before")
    op.drop_column("payments", "gateway_before")
    op.create_index(
        "uq_payments_gateway_reference", "payments", ["merchant_id", "gateway", "gateway_reference"], unique=True
    )


def _name_amounts() -> None:
    """The amounts that were chosen, for the last time by their sums: a deposit and a preset are those of the invoice, or where that
    has no amounts of its own the preset is the merchant's."""
    op.execute("update payments set amount_choice = 'full' where opened_at is not null")
    op.execute("update payments set amount_choice = 'first_part' where opened_at is not null and splits")
    connection = op.get_bind()
    merchants = {row.id: _read(row.payment_options) for row in connection.execute(sa.text(_MERCHANTS))}
    named = [
        {"merchant": row.merchant_id, "payment": row.id, "choice": _name(row, merchants.get(row.merchant_id, {}))}
        for row in connection.execute(sa.text(_PARTS))
    ]
    if named:
        connection.execute(
            sa.text("update payments set amount_choice = :choice where merchant_id = :merchant and id = :payment"),
            named,
        )


_MERCHANTS = "select id, payment_options from merchants"
_PARTS = """
select p.merchant_id, p.id, p.kind, p.currency, p.amount, i.invoice_count, i.deposit_amount, i.minimum_amount, i.maximum_amount,
    i.preset_amounts
from payments p
left join (
    select a.merchant_id, a.payment_id, count(*) as invoice_count, min(v.deposit_amount) as deposit_amount,
        min(v.minimum_amount) as minimum_amount, min(v.maximum_amount) as maximum_amount,
        min(cast(v.preset_amounts as text)) as preset_amounts
    from payment_allocations a join invoices v on v.merchant_id = a.merchant_id and v.id = a.invoice_id
    group by a.merchant_id, a.payment_id
) i on i.merchant_id = p.merchant_id and i.payment_id = p.id
where p.opened_at is not null and not p.splits and (p.is_partial or p.kind = 'top_up')
"""


def _name(row: Any, options: dict[str, Any]) -> str:
    if row.kind == "top_up":
        return "preset" if row.amount in _presets(options.get("top_ups", {}), row.currency) else "exact"
    if row.invoice_count != 1:
        return "exact"
    if row.amount == row.deposit_amount:
        return "deposit"
    own = _read(row.preset_amounts)
    has_own = row.minimum_amount is not None or row.maximum_amount is not None or bool(own)
    presets = own if has_own else _presets(options.get("amounts", {}), row.currency)
    return "preset" if row.amount in presets else "exact"


def _presets(limits: dict[str, Any], currency: str) -> list[int]:
    presets: list[int] = limits.get(currency, {}).get("presets", [])
    return presets


def _read(stored: Any) -> Any:
    return json.loads(stored) if isinstance(stored, str) else stored or {}
