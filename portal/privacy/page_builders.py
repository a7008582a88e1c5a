"""Makes the page of privacy from exports, the erasure and money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from portal.events.rules import ActorType
from portal.privacy.pages import ErasureEntry, ExportEntry, PrivacyPage
from portal.privacy.queries import StoredErasure, StoredExport
from portal.privacy.rules.erasures import WITHDRAWN_WITHIN, CurrencySum, MoneyUnderWay

_MEGABYTE, _KILOBYTE = 1_000_000, 1000


def build_privacy_page(
    ready: StoredExport | None,
    latest: StoredExport | None,
    erasure: StoredErasure | None,
    under_way: MoneyUnderWay,
    owed: tuple[CurrencySum, ...],
    credit: tuple[CurrencySum, ...],
    *,
    local: Callable[[datetime], datetime],
    asks_for_code: bool,
    done: str = "",
    fault: str = "",
) -> PrivacyPage:
    """Return the page. `ready` is the export that may be downloaded, `latest` the newest; `local` turns an instant into the reader's hours."""
    return PrivacyPage(
        export=_export(ready, local) if ready is not None else None,
        is_being_made=latest is not None and latest.status == "requested",
        erasure=ErasureEntry(local(erasure.due_at), erasure.requested_by == ActorType.CUSTOMER) if erasure else None,
        moving=tuple(under_way.payments),
        returning=tuple(under_way.refunds),
        owed=owed,
        credit=credit,
        asks_for_code=asks_for_code,
        withdraw_hours=int(WITHDRAWN_WITHIN.total_seconds() // 3600),
        done=done,
        fault=fault,
    )


def _export(export: StoredExport, local: Callable[[datetime], datetime]) -> ExportEntry:
    is_large = export.byte_count >= _MEGABYTE
    size = Decimal(export.byte_count) / (_MEGABYTE if is_large else _KILOBYTE)
    return ExportEntry(
        made_at=local(export.made_at or export.requested_at),
        expires_at=local(export.expires_at),
        size=size.quantize(Decimal("0.1")) if is_large else max(size.quantize(Decimal(1)), Decimal(1)),
        unit="MB" if is_large else "kB",
    )
