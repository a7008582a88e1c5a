"""What a merchant decides, as one document; how its customers may pay moves there. The old column stays for releases that read it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.database import Json
from portal.money import exponent

revision = "2026_12_01_settings"
down_revision = "2026_11_30_sending"
branch_labels = None
depends_on = None

_MERCHANTS = sa.table("merchants", sa.column("id"), sa.column("settings", Json), sa.column("payment_options", Json))


def upgrade() -> None:
    op.add_column("merchants", sa.Column("settings", Json(), nullable=False, server_default="{}"))
    connection = op.get_bind()
    for merchant_id, options in connection.execute(sa.select(_MERCHANTS.c.id, _MERCHANTS.c.payment_options)).all():
        if amounts := _amounts(options or {}):
            connection.execute(
                sa.update(_MERCHANTS).where(_MERCHANTS.c.id == merchant_id).values(settings={"amounts": amounts})
            )


def downgrade() -> None:
    connection = op.get_bind()
    for merchant_id, settings in connection.execute(sa.select(_MERCHANTS.c.id, _MERCHANTS.c.settings)).all():
        if amounts := (settings or {}).get("amounts"):
            connection.execute(
                sa.update(_MERCHANTS).where(_MERCHANTS.c.id == merchant_id).values(payment_options=_options(amounts))
            )
    op.drop_column("merchants", "settings")


def _options(amounts: dict[str, Any]) -> dict[str, Any]:
    """Return how customers may pay as the release before reads it, in minor units."""
    return {
        "amount_mode": amounts.get("mode", "fixed"),
        "allow_split": amounts.get("split", False),
        "amounts": _in_minor_units(amounts.get("limits", {})),
        "top_ups": _in_minor_units(amounts.get("credit", {})),
    }


def _in_minor_units(limits: dict[str, Any]) -> dict[str, Any]:
    def minor(text: str, currency: str) -> int:
        return int(Decimal(text).scaleb(exponent(currency)))

    return {
        currency: {
            "minimum": minor(each["minimum"], currency),
            "maximum": minor(each["maximum"], currency),
            "presets": [minor(preset, currency) for preset in each.get("presets", ())],
        }
        for currency, each in limits.items()
    }


def _amounts(options: dict[str, Any]) -> dict[str, Any]:
    moved = {
        "mode": options.get("amount_mode", "fixed"),
        "split": options.get("allow_split", False),
        "limits": _limits(options.get("amounts", {})),
        "credit": _limits(options.get("top_ups", {})),
    }
    return {name: value for name, value in moved.items() if value not in ("fixed", False, {})}


def _limits(stored: dict[str, Any]) -> dict[str, Any]:
    """Return limits in minor units as texts in major units."""
    return {
        currency: {
            "minimum": _written(limits["minimum"], currency),
            "maximum": _written(limits["maximum"], currency),
            "presets": [_written(preset, currency) for preset in limits.get("presets", ())],
        }
        for currency, limits in stored.items()
    }


def _written(amount: int, currency: str) -> str:
    places = exponent(currency)
    return f"{Decimal(amount).scaleb(-places):.{places}f}"
