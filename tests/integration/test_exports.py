"""A copy of all that is held about a customer: whole, of nobody else, made in pieces, gone after a week."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from secrets import token_hex

import html5lib
import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.events.models import EventRecord
from portal.events.rules import customer_actor
from portal.invoices.models import Invoice
from portal.migrations import all_tables
from portal.people.operations import change_role
from portal.people.rules import Role
from portal.privacy.errors import ExportUnderWay, TooManyExports
from portal.privacy.jobs import delete_exports, erase_customers, make_exports
from portal.privacy.models import Export, ExportPart
from portal.privacy.operations.erasing import request_erasure
from portal.privacy.operations.exporting import KEPT_FOR, Pieces, request_export
from portal.privacy.queries import find_part, find_ready_export, is_seen_by, owned_by
from portal.privacy.rules.registry import TREATMENTS
from portal.public_ids import new_id
from portal.sign_in.operations import delete_customer
from portal.tenancy import Scope
from tests.support import customers
from tests.support.actors import STAFF
from tests.support.marked_customer import EMAIL, OTHER_PHONE, PDF, STEM, fill
from tests.support.notices import with_fresh_code
from tests.support.people import insert_person
from tests.support.site import ADDRESS, Site, path_of

SECRETS = (f"tok_{STEM}", f"fp_{STEM}")


def request(site: Site, scope: Scope | None = None, locale: str = "en", person: str | None = None) -> str:
    scope = scope or site.scope
    actor = customer_actor(scope.customer_id, person=person)
    return site.services.database.run(
        partial(request_export, scope=scope, locale=locale, most_a_day=3, actor=actor, at=site.clock.now())
    )


def made(site: Site, scope: Scope | None = None, locale: str = "en", person: str | None = None) -> zipfile.ZipFile:
    """The export that the worker makes now."""
    scope = scope or site.scope
    export_id = request(site, scope, locale, person)
    make_exports(site.services)
    (row,) = site.rows(Export, id=export_id)
    content = bytes_of(site, scope, export_id)
    assert (row.status, row.byte_count) == ("ready", len(content))
    return zipfile.ZipFile(io.BytesIO(content))


def bytes_of(site: Site, scope: Scope, export_id: str) -> bytes:
    parts, position = [], 0
    with site.services.database.read() as reader:
        while (part := find_part(reader, scope, export_id, position)) is not None:
            parts.append(part)
            position += 1
    return b"".join(parts)


# --- what is in it ---


def test_export_has_every_row_of_the_customer_and_none_of_another(site: Site, tmp_path: Path) -> None:
    fill(site, tmp_path)
    neighbour = site.add_customer("neighbour@else.example", name="Neighbour")
    for scope in (neighbour, site.other):
        with site.services.database.unit_of_work() as session:
            customers.insert_payment(session, scope, "complete", 5000, at=site.clock.now())
            customers.add_invoice(session, scope, at=site.clock.now(), number=f"N-{scope.customer_id[-4:]}")
    request_id = request(site)
    counts = {name: count(site, name) for name, treatment in TREATMENTS.items() if treatment.section}

    make_exports(site.services)

    archive = zipfile.ZipFile(io.BytesIO(bytes_of(site, site.scope, request_id)))
    data = json.loads(archive.read("data.json"))
    for name, treatment in TREATMENTS.items():
        if treatment.section:
            assert len(data[treatment.section]) == counts[name], treatment.section
    assert (data["object"], data["version"], data["customer"]["email"]) == (
        "export",
        1,
        f"{STEM}new@{STEM}mail.example",
    )
    text = archive.read("data.json").decode() + archive.read("data.html").decode()
    assert f"my {STEM} worry" in text and EMAIL in text and OTHER_PHONE in text
    assert not [secret for secret in SECRETS if secret in text]
    for other in (neighbour, site.other):
        assert other.customer_id not in text
    assert "neighbour@else.example" not in text and site.other.merchant_id not in text
    (attached,) = [name for name in archive.namelist() if name.startswith("documents/")]
    assert archive.read(attached) == PDF


ANNA, BERT = "anna@weber.example", "bert@weber.example"


def used_by_two(site: Site) -> tuple[str, str]:
    """Two persons of Maya's account, who signed in in browsers of their own, as Maya did."""
    people = insert_person(site, ANNA, "owner", name="Anna Weber"), insert_person(site, BERT, "payer")
    for address, browser in ((ADDRESS, "Maya's phone"), (ANNA, "Anna's laptop"), (BERT, "Bert's tablet")):
        visitor = site.browser()
        visitor.client.environ_base["HTTP_USER_AGENT"] = browser
        visitor.post(path_of(site.request_mail(visitor, address)))
        site.clock.advance(minutes=1)
    return people


def test_export_has_devices_of_who_asked_and_of_nobody_else(site: Site) -> None:
    anna, _ = used_by_two(site)

    own = made(site).read("data.json").decode()
    site.clock.advance(days=1)
    annas = made(site, person=anna).read("data.json").decode()

    assert "Maya's phone" in own and "Anna's laptop" not in own and "Bert's tablet" not in own
    assert "Anna's laptop" in annas and "Maya's phone" not in annas and "Bert's tablet" not in annas
    assert {row["person_id"] for row in json.loads(annas)["sessions"]} == {anna}


def test_export_names_the_others_by_role_and_name_at_most(site: Site) -> None:
    anna, bert = used_by_two(site)
    with site.services.database.unit_of_work() as session:
        change_role(
            session, site.scope, bert, Role.VIEWER, actor=customer_actor(site.scope.customer_id), at=site.clock.now()
        )

    archive = made(site, person=anna)
    data = json.loads(archive.read("data.json"))

    text = archive.read("data.json").decode() + archive.read("data.html").decode()
    assert ANNA in text and BERT not in text
    of_bert = next(each for each in data["people"] if each["id"] == bert)
    assert {key for key, value in of_bert.items() if value is not None} == {"id", "customer", "role"}
    assert next(each for each in data["people"] if each["id"] == anna)["email"] == ANNA
    signed_in = [each for each in data["events"] if each["type"] == "portal.signed_in"]
    assert {each["actor_person"] for each in signed_in} == {anna}


def test_export_is_downloaded_and_mailed_about_to_who_asked_alone(site: Site) -> None:
    anna, _ = used_by_two(site)
    made(site, person=anna)
    ready = [mail for mail in site.deliver() if "data" in str(mail.message["Subject"])]
    assert [mail.recipients for mail in ready] == [(ANNA,)]

    with_fresh_code(site).get("/acme/privacy/export.zip", status=404)
    with site.services.database.read() as reader:
        assert find_ready_export(reader, site.scope, None, at=site.clock.now()) is None
        assert find_ready_export(reader, site.scope, anna, at=site.clock.now()) is not None


def test_newer_export_of_another_person_leaves_this_ones(site: Site) -> None:
    anna, _ = used_by_two(site)
    made(site, person=anna)

    made(site)

    assert [row.status for row in site.rows(Export)] == ["ready", "ready"]


def count(site: Site, name: str) -> int:
    table = all_tables().tables[name]
    treatment = TREATMENTS[name]
    mine = sa.and_(owned_by(table, treatment.owner, site.scope), is_seen_by(table, treatment.personal, None))
    with site.services.database.read() as reader:
        return reader.execute(sa.select(sa.func.count()).select_from(table).where(mine)).scalar_one()


def test_columns_that_an_export_leaves_out_are_secrets_or_other_tables(site: Site, tmp_path: Path) -> None:
    fill(site, tmp_path)
    data = json.loads(made(site).read("data.json"))

    for name, treatment in TREATMENTS.items():
        if treatment.section and data[treatment.section]:
            has = set(data[treatment.section][0])
            names = {"customer_id": "customer", "invoice_id": "invoice", "payment_id": "payment"}
            columns = [column.key for column in all_tables().tables[name].c]
            missing = {column for column in columns if names.get(column, column) not in has}
            assert missing - {"merchant_id", "payment_method_id"} == set(treatment.secret), name


def test_amounts_are_minor_units_and_times_iso(site: Site, tmp_path: Path) -> None:
    marked = fill(site, tmp_path)
    data = json.loads(made(site).read("data.json"))

    (first,) = [each for each in data["payments"] if each["amount_refunded"] == 1000]
    assert (first["object"], first["amount"], first["currency"]) == ("payment", 5000, "USD")
    assert first["created_at"].endswith("Z") and first["customer"] == site.scope.customer_id
    assert [each["amount"] for each in data["refunds"]] == [1000]
    assert sum(each["amount"] for each in data["ledger_entries"] if each["account"] == "receivable") == sum(
        row.amount_due for row in marked.payer.rows(Invoice) if row.status not in ("draft", "void")
    )


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize(("locale", "heading", "direction"), [("fr", "Factures", "ltr"), ("ar", "الفواتير", "rtl")])
def test_page_stands_on_its_own_in_the_customers_language(
    site: Site, tmp_path: Path, locale: str, heading: str, direction: str
) -> None:
    site.change_customer(site.scope, name="<script>alert(1)</script>")
    with site.services.database.unit_of_work() as session:
        customers.add_invoice(session, site.scope, at=site.clock.now(), number="A-1", description="<b>Seats</b>")

    page = made(site, locale=locale).read("data.html").decode()

    html5lib.HTMLParser(strict=True).parse(page)
    tags = _Tags()
    tags.feed(page)
    assert dict(tags.tags)["html"] == {"lang": locale, "dir": direction}
    assert not {"script", "link", "img", "iframe", "b"} & {tag for tag, _ in tags.tags}
    assert not [attributes for _, attributes in tags.tags if {"src", "href"} & set(attributes)]
    assert heading in page and "&lt;script&gt;" in page


# --- how it is made ---


def test_neither_the_data_nor_the_zip_is_whole_in_memory(site: Site) -> None:
    at = site.clock.now()
    row = {
        "merchant_id": site.scope.merchant_id, "type": "invoice.updated", "version": 1, "actor_type": "system", "actor_id": "portal",
        "customer_id": site.scope.customer_id, "object_id": None, "created_at": at,
    }  # fmt: skip
    with site.services.database.unit_of_work() as session:
        rows = [{**row, "id": new_id("evt", at), "data": {"object": {"text": token_hex(500)}}} for _ in range(8000)]
        session.execute(sa.insert(EventRecord), rows)
    del rows
    made(site)  # What is loaded at the first time is no data.
    export_id = request(site)

    tracemalloc.start()
    make_exports(site.services)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    size = len(bytes_of(site, site.scope, export_id))
    assert peak < 3 * 1024 * 1024 < size, (peak, size)


def test_export_that_is_killed_is_begun_again_and_ends_once(site: Site) -> None:
    export_id = request(site)
    pieces = Pieces(site.services.database, site.scope, export_id, site.clock.now)
    pieces.write(b"x" * 300_000)  # What a worker had written when it was killed.
    site.clock.advance(minutes=11)

    make_exports(site.services)
    make_exports(site.services)

    assert zipfile.ZipFile(io.BytesIO(bytes_of(site, site.scope, export_id))).testzip() is None
    assert site.count(AuditEntry, action="customer.exported") == 1


def test_worker_says_so_by_mail_without_its_content_and_without_a_way_in(site: Site) -> None:
    request(site)
    make_exports(site.services)

    (mail,) = site.deliver()

    assert mail.recipients == (ADDRESS,)
    assert "is ready" in str(mail.message["subject"])
    assert mail.link.endswith("/acme/privacy")
    assert "/sign-in" not in mail.text and not list(mail.message.iter_attachments())


def test_one_is_made_at_a_time_and_three_a_day(site: Site) -> None:
    request(site)
    with pytest.raises(ExportUnderWay):
        request(site)
    make_exports(site.services)
    for _ in range(2):
        request(site)
        make_exports(site.services)
    with pytest.raises(TooManyExports):
        request(site)

    site.clock.advance(days=1, seconds=1)
    request(site)


def test_newer_one_replaces_the_bytes_of_the_one_before(site: Site) -> None:
    first = request(site)
    make_exports(site.services)
    request(site)
    make_exports(site.services)

    assert bytes_of(site, site.scope, first) == b""
    assert {row.status for row in site.rows(Export)} == {"ready", "replaced"}


def test_export_is_gone_after_seven_days_row_and_bytes(site: Site) -> None:
    made(site)
    site.clock.advance(days=KEPT_FOR.days)
    delete_exports(site.services)

    assert (site.count(Export), site.count(ExportPart)) == (0, 0)


def test_erasure_takes_an_export_along_also_one_that_is_being_made(site: Site) -> None:
    made(site)
    request(site)
    at = site.clock.now()
    site.services.database.run(partial(request_erasure, scope=site.scope, actor=customer_actor("cus_1"), at=at))
    for _ in range(3):
        erase_customers(site.services)
        site.deliver()
        site.clock.advance(minutes=2)

    make_exports(site.services)

    assert (site.count(Export), site.count(ExportPart)) == (0, 0)


def test_export_of_a_customer_that_was_deleted_meanwhile_is_dropped(site: Site) -> None:
    request(site)
    site.services.database.run(partial(delete_customer, scope=site.scope, actor=STAFF, at=site.clock.now()))

    make_exports(site.services)

    assert (site.count(Export), site.count(ExportPart)) == (0, 0)
    assert site.deliver() == []
