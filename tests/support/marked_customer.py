"""A customer with marks in every field, put there by what customers, merchants and gateways do; and where marks are found."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.customers.operations import update_customer
from portal.customers.rules.profiles import CustomerDetails
from portal.gateways.contract import MethodDetails, State
from portal.importing.operations.files import ImportRequest, prepare_import, run_import
from portal.invoices.models import InvoiceLine
from portal.invoices.operations.papers import attach_invoice_document
from portal.merchants.queries import get_merchant
from portal.migrations import all_tables
from portal.payment_methods.operations.consents import Consent
from portal.payment_methods.operations.setups import SetupOptions, begin_setup, resolve_setup
from portal.payments.rules.choices import Prompt
from portal.provider_events.operations import receive_event
from portal.public_ids import new_id
from portal.sign_in.operations import create_portal_session
from portal.sign_in.operations.mailed_links import prepare_mailed_link
from tests.support import customers
from tests.support.actors import OPERATOR
from tests.support.authenticator import NEW, Authenticator, options_of
from tests.support.importing import Silence
from tests.support.notices import add_copy
from tests.support.pay_links import guest_of
from tests.support.paying import PayingCustomer, carry_on, grant_credit, refund_as_staff
from tests.support.people import insert_person, person_signed_in
from tests.support.scripted_gateway import VISA
from tests.support.site import Site, path_of

STEM = "zqxmark"
PHONE = "+12065550177"
OTHER_PHONE = "+237677998877"
LAST4 = "7391"
_MARK = re.compile(
    rf"{STEM}|{PHONE[1:]}|{OTHER_PHONE[1:]}|(?<![0-9a-z]){LAST4}(?![0-9a-z])|203\.0\.113\.".encode(), re.IGNORECASE
)
"""Long enough that no random id has one by chance."""
EMAIL, CHANGED_EMAIL, COPY_EMAIL, PARTNER_EMAIL = (
    f"{STEM}old@{STEM}mail.example",
    f"{STEM}new@{STEM}mail.example",
    f"{STEM}books@{STEM}mail.example",
    f"{STEM}partner@{STEM}mail.example",
)
AGENT = f"Mozilla/5.0 ({STEM} OS) {STEM}Browser/1.0"
PDF = b"%PDF-1.4\n% zqxmark studio\nstartxref\n0\n%%EOF\n"


@dataclass
class Marked:
    """The customer of `site`, and its way of paying."""

    site: Site
    payer: PayingCustomer

    def invoice(self, number: str, total: int = 5000, **details: Any) -> str:
        return self.payer.invoice(total, number=number, description=f"{STEM} studio plan", **details)


def fill(site: Site, folder: Path, *, slug: str = "acme") -> Marked:
    """Make Maya of `site` a customer of whom every table has something."""
    gateway = site.services.gateways.gateway  # type: ignore[attr-defined]  # the test's registry
    marked = Marked(site, PayingCustomer(site.services, gateway, site.scope, "", site.clock))
    _be_created(site)
    browser = _signed_in(site)
    _pay(marked)
    _write(marked, browser)
    _be_imported(site, folder, slug)
    _have_happen(marked)
    return marked


def _be_created(site: Site) -> None:
    at = site.clock.now()
    details = CustomerDetails(
        email=EMAIL, name=f"Maya {STEM}lindqvist", company_name=f"{STEM} studio", phone=PHONE, reference=f"maya-{STEM}lindqvist",
        locale="en", timezone="America/Los_Angeles", purchase_order=f"PO-{STEM}", tax_ids=[{"type": "us_ein", "value": "91-1144442"}],
        billing_address={"line1": f"1 {STEM} street", "city": f"{STEM}ville", "state": "WA", "postal_code": "98101", "country": "US"},
        shipping_address={"line1": f"2 {STEM} street", "city": f"{STEM}town", "country": "US"},
        metadata={"note": f"{STEM} vip"},
    )  # fmt: skip
    with site.services.database.unit_of_work() as session:
        update_customer(session, site.scope.merchant_id, site.scope.customer_id, details, actor=OPERATOR, at=at)


def _signed_in(site: Site) -> Any:
    browser = site.browser()
    browser.get("/acme/sign-in", user_agent=AGENT)
    browser.post("/acme/sign-in", {"email": EMAIL, "next": f"/invoices?q={STEM}"}, user_agent=AGENT)
    mail = [caught for caught in site.deliver() if caught.has_code][-1]
    browser.post(path_of(mail), user_agent=AGENT)
    site.clock.advance(minutes=11)
    # One that is never used, and one of an address that nobody has.
    site.request_sign_in(site.browser(), EMAIL)
    return browser


def _pay(marked: Marked) -> None:
    payer, gateway = marked.payer, marked.payer.gateway
    card = replace(
        VISA,
        last4=LAST4,
        holder=f"Maya {STEM}lindqvist",
        bank_name=f"{STEM} bank",
        token=f"tok_{STEM}",
        fingerprint=f"fp_{STEM}",
    )
    saved = payer.checkout(marked.invoice("Z-1"), method="new", save=True)
    payer.confirm(saved)
    gateway.pay_page(saved)
    gateway.ledger[saved] = replace(gateway.ledger[saved], method=card)
    carry_on_until(payer, saved)
    refund_as_staff(payer, saved, 1000, f"{STEM} asked for it")
    prompted = payer.pay(marked.invoice("Z-2"), way=Prompt("cm.mtn", OTHER_PHONE))
    gateway.settle(prompted, State.SUCCEEDED)
    carry_on_until(payer, prompted)
    failed = payer.checkout(marked.invoice("Z-3"), method="new")
    payer.confirm(failed)
    gateway.pay_page(failed, State.FAILED)
    gateway.ledger[failed] = replace(gateway.ledger[failed], failure_message=f"{STEM} declined by the bank")
    carry_on_until(payer, failed)
    by_link = guest_of(payer.services, payer.scope, marked.invoice("Z-4"))
    paid = by_link.pay(Prompt("cm.mtn", OTHER_PHONE))
    gateway.settle(paid, State.SUCCEEDED)
    carry_on_until(payer, paid)
    _save_a_method(payer, card)
    grant_credit(payer, 700)
    payer.checkout(marked.invoice("Z-5"), method="new")  # Left, and superseded by nothing.
    with payer.services.database.unit_of_work() as session:
        at = payer.clock.now()
        open_one = marked_invoice_id(session, payer, "Z-5")
        attach_invoice_document(session, payer.scope.merchant_id, open_one, PDF, actor=OPERATOR, at=at)
        customers.insert_credit_note(session, payer.scope, open_one, 100, "ZC-1", at=at)
        draft = customers.add_invoice(
            session,
            payer.scope,
            100,
            at=at,
            status="draft",
            number="Z-6",
            description=f"{STEM} draft",
            bill_to={"name": STEM},
        )
        session.add(
            InvoiceLine(
                merchant_id=payer.scope.merchant_id, invoice_id=draft, position=1, description=f"{STEM} line", quantity="1",
                unit_amount_decimal="100", amount=100,
            )
        )  # fmt: skip


def _save_a_method(payer: PayingCustomer, card: MethodDetails) -> None:
    consent = Consent("Acme may keep it.", "en", "203.0.113.77", AGENT)
    setup = begin_setup(
        payer.services, payer.scope, SetupOptions(nickname=f"{STEM} card", make_default=True), consent=consent, locale="en",
        pages_url="http://127.0.0.1:5000/acme/payment-methods/new", actor=payer.actor,
    )  # fmt: skip
    payer.gateway.finish_setup(setup, replace(card, token=f"tok2_{STEM}", fingerprint=f"fp2_{STEM}"))
    resolve_setup(payer.services, payer.scope.merchant_id, setup)


def carry_on_until(payer: PayingCustomer, payment: str) -> None:
    for _ in range(8):
        if payer.status(payment) not in ("pending", "processing", "requires_action"):
            return
        payer.clock.advance(minutes=2)
        carry_on(payer)
    raise AssertionError(payer.status(payment))


def marked_invoice_id(session: Any, payer: PayingCustomer, number: str) -> str:
    table = all_tables().tables["invoices"]
    found: str = session.execute(
        sa.select(table.c.id).where(table.c.merchant_id == payer.scope.merchant_id, table.c.number == number)
    ).scalar_one()
    return found


def _write(marked: Marked, browser: Any) -> None:
    site = marked.site
    with site.services.database.read() as reader:
        open_one = marked_invoice_id(reader, marked.payer, "Z-5")
    browser.submit(
        browser.get(f"/acme/ask?invoice={open_one}"), "Send question", topic="other", message=f"my {STEM} worry"
    )
    browser.post("/acme/notices", {"receipt": "yes"})
    site.deliver()
    add_copy(site, COPY_EMAIL, browser)
    answer = Authenticator().create(options_of(browser.get(NEW), "/passkeys/new"))
    browser.post(NEW, {"answer": answer}, user_agent=AGENT)
    insert_person(site, PARTNER_EMAIL, "payer", name=f"{STEM} partner")
    person_signed_in(site, PARTNER_EMAIL)
    page = browser.submit(browser.get("/acme/details/email"), "Continue", email=CHANGED_EMAIL)
    site.clock.advance(minutes=1)
    code = [caught for caught in site.deliver() if caught.recipients == (CHANGED_EMAIL,)][-1].code
    browser.submit(page, "Confirm address", code=code)
    browser.submit(browser.get("/acme/details/email"), "Continue", email=f"{STEM}third@{STEM}mail.example")
    site.deliver()


def _be_imported(site: Site, folder: Path, slug: str) -> None:
    path = folder / "zq.csv"
    path.write_text(
        "number,issued_on,customer_email,customer_name,description,quantity,unit_amount,currency\n"
        f"Z-7,2026-03-01,{CHANGED_EMAIL},Maya {STEM}lindqvist,{STEM} seats,1,12.00,USD\n",
        encoding="utf-8",
    )
    with site.services.database.read() as reader:
        merchant = get_merchant(reader, site.scope.merchant_id)
    done = run_import(
        site.services.database, prepare_import(ImportRequest("invoices", path), merchant, site.clock), Silence(), None
    )
    assert done.summary.created == 1
    path.unlink()


def _have_happen(marked: Marked) -> None:
    """Let a gateway send an event, a host application open a session, and everything leave that is to be mailed."""
    site = marked.site
    with site.services.database.unit_of_work() as session:
        create_portal_session(
            session, site.services.settings, site.scope, actor=OPERATOR, at=site.clock.now(),
            return_url=f"https://{STEM}.example/back",
        )  # fmt: skip
        prepare_mailed_link(
            session, site.services.settings, site.scope, message_id=new_id("obx", site.clock.now()), address=EMAIL,
            target=f"/payments?q={STEM}", at=site.clock.now(),
        )  # fmt: skip
    receive_event(site.services, site.scope.merchant_id, "sandbox", {"Signature": "right"}, b"evt_1 - ch_unknown")
    site.deliver()


def find_marks(database: Any, *, but: Callable[[str, str, Any], bool] = lambda *_: False) -> Iterator[tuple[str, str]]:
    """Yield each table and column in which a mark is, whatever the column's type; JSON as text, packed papers unpacked."""
    with database.read() as reader:
        for name, table in all_tables().tables.items():
            for row in reader.execute(sa.select(table)).mappings():
                for column, value in row.items():
                    if _has_mark(value) and not but(name, column, row):
                        yield name, column


def marks_in_files(folder: Path) -> list[str]:
    """The files below a folder, by name, that have a mark in their bytes."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and _has_mark(path.read_bytes()))


def _has_mark(value: Any) -> bool:
    raw = value if isinstance(value, bytes) else repr(value).encode()
    if raw[:1] == b"\x78":
        with suppress(zlib.error):
            raw = zlib.decompress(raw)
    return _MARK.search(raw) is not None
