"""The checks of `portal doctor`: settings, database, mail and its sender, gateways, themes, papers, backlog, ledger. They change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from portal.backlog import list_backlog
from portal.database import Database
from portal.findings import Finding, Level
from portal.gateways.accounts import AccountRefused
from portal.merchants.errors import SecretsUnreadable
from portal.merchants.operations import SANDBOX
from portal.merchants.queries import MerchantProfile, list_merchants
from portal.settings import Settings, SettingsFault

SQLITE_WITHOUT_RESET_FAULT = (3, 51, 3)
_PAPERS = 1000
"""How many of a merchant's newest papers with missing characters are looked at."""
_NAMED = 10
_E_INVOICES = 100
_E_INVOICES_NAMED = 3


def examine(values: Mapping[str, Any], *, loaded: Settings | None = None) -> Iterator[Finding]:
    """Run all checks; those that depend on a failed one are skipped.

    `values` are the environment variables; `loaded` are settings that a host application has read already.
    """
    try:
        settings = loaded or Settings.load(values)
    except SettingsFault as fault:
        yield from (Finding(Level.FAULT, "settings", sentence) for sentence in fault.faults)
        return
    yield from _settings(settings)
    if loaded is None:
        yield from (Finding(Level.WARNING, "settings", str(unknown)) for unknown in Settings.list_unknown(values))
    database = Database(settings.database_url, busy_seconds=2)
    try:
        reached = list(_database(database))
        yield from reached
        merchants: list[MerchantProfile] | None = None
        if not any(finding.level is Level.FAULT for finding in reached):
            with database.read() as reader:
                merchants = list_merchants(reader)
            yield from list_backlog(database, merchants)
            yield from _ledgers(database)
        yield _mail(settings)
        yield from _sender(settings)
        if merchants is not None:
            yield from _gateways(settings, database, merchants)
        yield from _themes(settings, merchants or [])
        if merchants is not None:
            yield from _papers(settings, database, merchants)
            yield from _e_invoices(database, merchants)
            yield from _transfers(merchants)
    finally:
        database.dispose()


def examine_ledger(values: Mapping[str, Any], *, loaded: Settings | None = None) -> Iterator[Finding]:
    """Verify the ledger of each merchant: one finding each, which names the first row that is wrong. Reads only the database."""
    try:
        settings = loaded or Settings.load(values)
    except SettingsFault as fault:
        yield from (Finding(Level.FAULT, "settings", sentence) for sentence in fault.faults)
        return
    database = Database(settings.database_url, busy_seconds=2)
    try:
        faults = [finding for finding in _database(database) if finding.level is Level.FAULT]
        yield from faults
        if not faults:
            yield from _ledgers(database)
    finally:
        database.dispose()


def _ledgers(database: Database) -> Iterator[Finding]:
    from portal.ledger.operations.checking import verify_ledger

    # One snapshot a merchant, so that a payment that is booked meanwhile is seen completely or not at all.
    with database.read() as reader:
        merchants = list_merchants(reader)
    for merchant in merchants:
        with database.snapshot() as reader:
            proof = verify_ledger(reader, merchant.id)
        who = f"{merchant.slug} ({merchant.mode})"
        if proof.wrong:
            yield Finding(Level.FAULT, "ledger", f"{who}: {proof.wrong}")
            continue
        yield Finding(
            Level.OK,
            "ledger",
            f"{who}: {proof.transaction_count} transactions of {proof.entry_count} entries sum to zero and equal all balances; "
            f"{proof.sealed_count} are sealed{f', head {proof.head}' if proof.head else ''}",
        )


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding(Level.OK, "settings", "all settings can be read")
    if not settings.base_url.startswith("https://"):
        yield Finding(
            Level.WARNING, "settings", "BASE_URL is plain http on this machine: for development, not for customers"
        )
    if settings.demo:
        yield Finding(Level.WARNING, "settings", "DEMO is on: anybody can read all mail at /demo/mail")


def _database(database: Database) -> Iterator[Finding]:
    from portal.migrations import current_revision, head_revision

    try:
        with database.read() as reader:
            version = ".".join(str(part) for part in _version(reader))
        revision = current_revision(database)
    except SQLAlchemyError as fault:
        reason = " ".join(str(getattr(fault, "orig", None) or type(fault).__name__).split())
        yield Finding(Level.FAULT, "database", f"cannot be reached: {reason}")
        return
    name = "SQLite" if database.is_sqlite else "PostgreSQL"
    yield Finding(Level.OK, "database", f"{name} {version} answers")
    if database.is_sqlite and tuple(int(part) for part in version.split(".")) < SQLITE_WITHOUT_RESET_FAULT:
        newest = ".".join(str(part) for part in SQLITE_WITHOUT_RESET_FAULT)
        yield Finding(
            Level.WARNING, "database", f"SQLite before {newest} has a rare bug that can lose a write; upgrade it"
        )
    if revision == head_revision():
        yield Finding(Level.OK, "schema", f"is current ({revision})")
    else:
        yield Finding(
            Level.FAULT,
            "schema",
            f"is at {revision or 'no revision'}, this version needs {head_revision()}: run `portal db upgrade`",
        )


def _version(reader: sa.Connection) -> tuple[int, ...]:
    found = reader.dialect.server_version_info if reader.dialect.name != "sqlite" else None
    if found:
        return tuple(int(part) for part in found)
    text = reader.execute(sa.text("select sqlite_version()")).scalar_one()
    return tuple(int(part) for part in str(text).split("."))


def _mail(settings: Settings) -> Finding:
    from portal.emails.delivery import check_connection
    from portal.outbox.errors import Refused

    try:
        check_connection(settings.smtp_url)
    except Refused as fault:
        return Finding(Level.FAULT, "mail", f"the server of SMTP_URL cannot be used: {fault}; nobody can sign in")
    except OSError as fault:  # smtplib's exceptions are subclasses of it.
        return Finding(
            Level.FAULT, "mail", f"the server of SMTP_URL cannot be used: {type(fault).__name__}; nobody can sign in"
        )
    return Finding(Level.OK, "mail", "the server of SMTP_URL answers")


def _sender(settings: Settings) -> Iterator[Finding]:
    from portal.sender_domain import examine_sender

    return examine_sender(settings)


def _gateways(settings: Settings, database: Database, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    from portal.gateways.registry import AccountGateways

    gateways = AccountGateways(database, settings)
    if not merchants:
        yield Finding(Level.WARNING, "gateway", "there is no merchant yet: `portal merchant create` makes one")
    for merchant in merchants:
        yield _gateway(settings, gateways, merchant)


def _gateway(settings: Settings, gateways: Any, merchant: MerchantProfile) -> Finding:
    who = f"{merchant.slug} ({merchant.mode})"
    try:
        gateway = gateways.find(merchant.id)
    except (SecretsUnreadable, AccountRefused, LookupError) as fault:
        return Finding(Level.FAULT, "gateway", f"{who}: {fault}")
    if merchant.is_live and merchant.gateway == SANDBOX:
        return Finding(Level.FAULT, "gateway", f"{who}: a live merchant never uses the sandbox gateway")
    if gateway is None:
        missing = (
            "SANDBOX_URL is not set"
            if merchant.gateway == SANDBOX and not settings.sandbox_url
            else "no account is connected (`portal gateway connect`)"
        )
        return Finding(Level.WARNING, "gateway", f"{who}: {missing}; invoices are shown and cannot be paid")
    if not gateway.is_reachable():
        return Finding(Level.FAULT, "gateway", f"{who}: {gateway.name} does not answer, or refuses the key")
    return Finding(Level.OK, "gateway", f"{who}: {gateway.name} answers")


def _papers(settings: Settings, database: Database, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    """Warn of characters on papers that no font has, ours or the operator's: they show as boxes."""
    from portal.documents.font_files import uncovered
    from portal.documents.queries import list_uncovered
    from portal.documents.typesetting import Typesetter
    from portal.tenancy import MerchantScope

    missing = [folder for folder in settings.fonts_dir if not folder.is_dir()]
    yield from (Finding(Level.FAULT, "documents", f"FONTS_DIR: there is no folder {folder}") for folder in missing)
    typesetter = Typesetter([folder for folder in settings.fonts_dir if folder.is_dir()])
    found = False
    for merchant in merchants:
        with database.read() as reader:
            papers = list_uncovered(reader, MerchantScope(merchant.id), limit=_PAPERS)
        own = uncovered([merchant.name, merchant.legal_name, *merchant.address_lines])
        points = sorted({*own, *(point for paper in papers for point in paper.characters)})
        lacking = [point for point in points if typesetter.lacks(point)]
        if lacking:
            found = True
            shown = ", ".join(f"{point} (U+{ord(point):04X})" for point in lacking[:_NAMED])
            more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
            yield Finding(
                Level.WARNING,
                "documents",
                f"{merchant.slug} ({merchant.mode}): no font has {shown}{more}; they show as boxes on papers: name folders of fonts "
                "in FONTS_DIR",
            )
    if not missing and not found:
        yield Finding(Level.OK, "documents", "the fonts have every character of the papers")


def _e_invoices(database: Database, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    """Say what is missing for e-invoices, of merchants that want them: in their settings, and in the newest of their invoices."""
    from portal.documents.queries import list_without_e_invoice
    from portal.invoices.operations.papers import missing_for_e_invoices
    from portal.tenancy import MerchantScope

    for merchant in merchants:
        if not merchant.settings.documents.factur_x:
            continue
        who = f"{merchant.slug} ({merchant.mode})"
        if missing := missing_for_e_invoices(merchant):
            yield Finding(Level.WARNING, "documents", f"{who}: invoices carry no Factur-X; set {', '.join(missing)}")
            continue
        with database.read() as reader:
            lacking = list_without_e_invoice(reader, MerchantScope(merchant.id), limit=_E_INVOICES)
        shown = "; ".join(f"{paper.number} lacks {', '.join(paper.gaps)}" for paper in lacking[:_E_INVOICES_NAMED])
        more = f"; and {len(lacking) - _E_INVOICES_NAMED} more" if len(lacking) > _E_INVOICES_NAMED else ""
        if lacking:
            yield Finding(Level.WARNING, "documents", f"{who}: invoices issued without Factur-X: {shown}{more}")
        else:
            yield Finding(Level.OK, "documents", f"{who}: the newest invoices carry Factur-X")


def _transfers(merchants: list[MerchantProfile]) -> Iterator[Finding]:
    """Say of which Swiss accounts an address is missing, without which no invoice has a Swiss payment code."""
    from portal.documents.transfer_codes import lacks_address

    for merchant in merchants:
        for currency, account in merchant.settings.transfer.items():
            if lacks_address(account, currency):
                yield Finding(
                    Level.WARNING,
                    "documents",
                    f"{merchant.slug} ({merchant.mode}): invoices have no Swiss payment code; set transfer.{currency}.postal_code, "
                    "city and country",
                )


def _themes(settings: Settings, merchants: list[MerchantProfile]) -> Iterator[Finding]:
    from portal.theming.checking import check_themes, list_themes

    faults = check_themes(settings.themes_dir)
    yield from (Finding(Level.FAULT, "themes", str(fault)) for fault in faults)
    valid = {row.slug for row in list_themes(settings.themes_dir) if row.sound}
    for merchant in merchants:
        if merchant.theme not in valid:
            yield Finding(
                Level.FAULT,
                "themes",
                f"{merchant.slug} has the theme {merchant.theme}, which cannot be used; the base theme is shown",
            )
    if not faults:
        yield Finding(Level.OK, "themes", f"{len(valid)} themes are valid")
