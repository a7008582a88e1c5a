"""A day of payments on a disk that is watched, what was promised to whom in it, and what a power cut at any moment leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.database import Database
from portal.gateways.contract import MethodDetails
from portal.ledger.jobs import seal_ledger
from portal.ledger.models import LedgerSeal
from portal.ledger.operations.checking import verify_ledger
from portal.method_users import METHOD_USERS
from portal.payment_methods.operations.methods import remember_method
from portal.payments.models import Payment
from portal.payments.operations.paying import resolve_payment
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.settings import Settings
from tests.crash.apsw_database import ApswDatabase
from tests.crash.powered_disk import PoweredDisk
from tests.support import customers
from tests.support.actors import CUSTOMER, STAFF
from tests.support.paying import PayingCustomer
from tests.support.scripted_gateway import OneGateway, ScriptedGateway, lost

CARD = MethodDetails("card", "visa", "4242", 12, 2030, fingerprint="fp-visa", token="tok_visa")
SECRET_KEY = "a secret for tests alone of more than thirty-two characters"
SEALS = "the chain"
HOW_FAR = {
    status: step for step, status in enumerate(("", "incomplete", "processing", "complete", "partially_refunded"))
}
CHECKPOINTS_OFTEN = "wal_autocheckpoint=25"
"""Pages: a cut has to strike while the log is written back into the file, too."""


@dataclass
class PoweredDay:
    """`promises` are what was reported to somebody: (after how many steps of the disk, of what, how far it is)."""

    template: Path
    folder: Path
    disk: PoweredDisk
    merchant_id: str = ""
    promises: list[tuple[int, str, int]] = field(default_factory=list)

    def live(self, *pragmas: str) -> None:
        """Pay, ask, refund and seal by the real operations, through connections that set these pragmas too."""
        file = self.folder / "portal.db"
        file.write_bytes(self.template.read_bytes())
        vfs = self.disk.plug_in()
        database = ApswDatabase(f"sqlite:///{file}", self.disk.name, CHECKPOINTS_OFTEN, *pragmas)
        try:
            self._pay(_create_payer(database))
        finally:
            # The last connection to close writes everything back, which no power cut does.
            self.disk.freeze()
            database.dispose()
            vfs.unregister()

    def faults_after_cuts(self) -> list[str]:
        """What is missing or wrong after a cut at each promise and each sync, when nothing is there that was not synced."""
        moments = {given_at for given_at, _, _ in self.promises}.union(self.disk.syncs())
        return [fault for moment in sorted(moments) for fault in self._faults(moment, None)]

    def faults_after_ragged_cuts(self, chance: Random, *, every: int) -> list[str]:
        """The same after every so many steps, when any part of what was not synced is there."""
        moments = range(every, len(self.disk.steps) + 1, every)
        return [fault for moment in moments for fault in self._faults(moment, chance)]

    def _pay(self, payer: PayingCustomer) -> None:
        self.merchant_id = payer.scope.merchant_id
        for is_answer_lost in (False, True, False):
            payment = payer.checkout(payer.invoice(5000), payer.invoice(700))
            self._promise(payment, "incomplete")
            # Nothing is ordered that is not written down: at that moment it is a promise to ourselves.
            payer.gateway.before_charge = lambda payment=payment: self._promise(payment, "processing")  # type: ignore[misc]
            payer.gateway.answers += [lost] * is_answer_lost
            payer.confirm(payment)
            if is_answer_lost:
                payer.clock.advance(minutes=1)
                resolve_payment(payer.services, self.merchant_id, payment)
            self._promise(payment, "complete")
            refund_payment(payer.services, self.merchant_id, payment, 300, reason=None, actor=STAFF)
            self._promise(payment, "partially_refunded")
            seal_ledger(payer.services)
            self.promises.append((len(self.disk.steps), SEALS, len(payer.rows(LedgerSeal))))

    def _promise(self, payment_id: str, status: str) -> None:
        self.promises.append((len(self.disk.steps), payment_id, HOW_FAR[status]))

    def _faults(self, moment: int, chance: Random | None) -> list[str]:
        found = self.folder / "found.db"
        for old in self.folder.glob("found.db*"):
            old.unlink()
        for path, content in self.disk.after_cut(moment, chance).items():
            found.with_name(Path(path).name.replace("portal.db", found.name)).write_bytes(content)
        database = Database(f"sqlite:///{found}")
        try:
            with database.snapshot() as reader:
                if reader.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
                    return [f"cut after {moment} steps: the file is broken"]
                wrong = verify_ledger(reader, self.merchant_id).wrong
                kept = self._how_far(reader)
        except sa.exc.DatabaseError as fault:
            return [f"cut after {moment} steps: the file is broken: {fault.orig}"]
        finally:
            database.dispose()
        promised = {what: how_far for given_at, what, how_far in self.promises if given_at <= moment}
        lost = [what for what, how_far in promised.items() if kept.get(what, 0) < how_far]
        faults = [f"{what} is lost" for what in lost] + ([f"the ledger is wrong: {wrong}"] if wrong else [])
        return [f"cut after {moment} steps: {fault}" for fault in faults]

    def _how_far(self, reader: sa.Connection) -> dict[str, int]:
        payments = sa.select(Payment.id, Payment.status).where(Payment.merchant_id == self.merchant_id)
        seals = sa.select(sa.func.count()).select_from(LedgerSeal).where(LedgerSeal.merchant_id == self.merchant_id)
        reached = {row.id: HOW_FAR[row.status] for row in reader.execute(payments)}
        return {**reached, SEALS: reader.execute(seals).scalar_one()}


def _create_payer(database: Database) -> PayingCustomer:
    clock, gateway = MovableClock(), ScriptedGateway()
    url = database.url.render_as_string(hide_password=False)
    settings = Settings.load({"PORTAL_SECRET_KEY": SECRET_KEY, "PORTAL_DATABASE_URL": url})
    services = Services(settings, database, OneGateway(gateway), METHOD_USERS, clock)
    with database.unit_of_work() as session:
        merchant_id = customers.add_merchant(session, at=clock.now())
        scope = customers.add_customer(session, merchant_id, at=clock.now())
        card = remember_method(session, scope, "sandbox", CARD, actor=CUSTOMER, at=clock.now())
    return PayingCustomer(services, gateway, scope, card, clock)
