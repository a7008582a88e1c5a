"""`portal merchant|api-key|customer|invoice|payment`: what they print, what they refuse, and that each goes through the operations."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.customers.operations import change_email
from portal.database import Database
from portal.events.rules import EventType, customer_actor
from portal.merchants.models import ApiKey
from portal.paging import EXPORT_SIZE
from portal.people.operations import add_person
from portal.people.rules import Role
from portal.tenancy import Scope
from tests.conftest import SECRET_KEY
from tests.support import customers
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.commands import Commands, Ran


@dataclass
class Shop:
    """The commands on the merchant of an account, whose name they get at the end."""

    commands: Commands
    account: Account

    def run(self, *arguments: str) -> Ran:
        return self.commands.run(*arguments, "--merchant", self.account.slug)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that a list prints, one a line."""
        ran = self.run(*arguments)
        assert (ran.code, ran.err) == (0, ""), ran.err
        return [json.loads(line) for line in ran.out.splitlines()]

    def refused(self, *arguments: str, code: int = 1) -> str:
        """The one line that says why."""
        ran = self.run(*arguments)
        assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1), ran
        return ran.err

    def acts(self, object_id: str) -> list[tuple[str, str, str]]:
        with self.account.database.read() as reader:
            rows = reader.execute(
                sa.select(AuditEntry.action, AuditEntry.actor_type, AuditEntry.actor_id)
                .where(AuditEntry.object_id == object_id)
                .order_by(AuditEntry.id)
            )
            return [(action, actor_type, actor_id) for action, actor_type, actor_id in rows]


@pytest.fixture
def commands(database: Database, capsys, monkeypatch) -> Commands:
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    return Commands(capsys)


@pytest.fixture
def shop(commands: Commands, services) -> Shop:
    return Shop(commands, make_account(services))


@pytest.fixture
def customer(shop: Shop) -> Callable[..., dict[str, Any]]:
    def create(*options: str) -> dict[str, Any]:
        return shop.run("customer", "create", *options).json

    return create


COMMAND = ("system", "command")


# --- merchants and keys ---


def test_merchants_are_listed_shown_and_updated(shop):
    shop.commands.run("merchant", "create", "savane", "--name", "Savane", "--currency", "XAF", "--locale", "fr")

    listed = [json.loads(line) for line in shop.commands.run("merchant", "list").out.splitlines()]
    changed = shop.commands.run(
        "merchant", "update", "savane", "--name", "Savane SA", "--timezone", "Africa/Douala"
    ).json

    assert [row["slug"] for row in listed] == ["acme", "savane"]
    assert shop.commands.run("merchant", "show", "savane").json == changed
    before = listed[1]
    assert {name for name in before if before[name] != changed[name]} == {"name", "legal_name", "timezone"}
    assert changed["url"] == "http://127.0.0.1:5000/savane"
    assert shop.acts(before["id"])[-1] == ("merchant.updated", *COMMAND)


def test_update_that_changes_nothing_is_no_act(shop):
    merchant = shop.commands.run("merchant", "update", "acme", "--name", "Acme").json

    assert "merchant.updated" not in {action for action, *_ in shop.acts(merchant["id"])}


def test_support_address_is_removed_by_an_empty_one(shop):
    assert shop.commands.run("merchant", "update", "acme", "--support-email", "help@shop.example").json["support_email"]

    assert shop.commands.run("merchant", "update", "acme", "--support-email", "").json["support_email"] is None


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--currency", "QQQ", "ISO 4217"), ("--locale", "xx", "not a language"), ("--timezone", "Mars", "the timezone is not"),
        ("--theme", "none", "there is no theme none"), ("--name", " ", "name is empty"), ("--support-email", "x", "not an email address"),
    ],
)  # fmt: skip
def test_merchant_is_not_updated_to_what_cannot_be(shop, option, value, sentence):
    before = shop.commands.run("merchant", "show", "acme").out

    ran = shop.commands.run("merchant", "update", "acme", option, value)

    assert (ran.code, ran.out, sentence in ran.err, ran.err.count("\n")) == (2, "", True, 1)
    assert shop.commands.run("merchant", "show", "acme").out == before


def test_unknown_merchant_is_one_line(shop):
    for arguments in (
        ("merchant", "show", "nope"),
        ("merchant", "update", "nope", "--name", "N"),
        ("customer", "list", "--merchant", "nope"),
    ):
        ran = shop.commands.run(*arguments)
        assert (ran.code, ran.out, "no merchant nope" in ran.err, ran.err.count("\n")) == (1, "", True, 1)


def test_keys_are_listed_without_the_key_and_revoked_once(shop):
    key = shop.run("api-key", "create", "--scope", "customers:read").out.strip()
    (listed,) = shop.rows("api-key", "list")
    assert key not in json.dumps(listed)
    assert key.startswith(listed["prefix"])
    assert (listed["merchant"], listed["scopes"], listed["revoked_at"]) == ("acme", ["customers:read"], None)

    first = shop.commands.run("api-key", "revoke", listed["id"])
    again = shop.commands.run("api-key", "revoke", listed["id"])

    assert (first.out, again.out) == (f"{listed['id']} is revoked\n", f"{listed['id']} was revoked before\n")
    assert shop.rows("api-key", "list")[0]["revoked_at"] is not None
    assert shop.acts(listed["id"]) == [("api_key.created", *COMMAND), ("api_key.revoked", *COMMAND)]


def test_keys_of_all_merchants_are_listed_without_a_slug(shop):
    shop.commands.run("merchant", "create", "savane", "--name", "Savane", "--currency", "XAF")
    for slug in ("acme", "savane"):
        shop.commands.run("api-key", "create", "--merchant", slug)

    rows = [json.loads(line) for line in shop.commands.run("api-key", "list").out.splitlines()]

    assert [row["merchant"] for row in rows] == ["acme", "savane"]
    assert {row["merchant"] for row in shop.rows("api-key", "list")} == {"acme"}


def test_unknown_key_is_not_revoked(shop, database):
    shop.run("api-key", "create")

    ran = shop.commands.run("api-key", "revoke", "key_" + "0" * 22)

    assert (ran.code, "no API key" in ran.err, ran.err.count("\n")) == (1, True, 1)
    with database.read() as reader:
        assert reader.execute(sa.select(ApiKey.revoked_at)).all() == [(None,)]


# --- customers ---


def test_customer_is_created_in_the_shape_of_the_api(shop, customer):
    made = customer(
        "--email", "Noah@Berg.example", "--name", "Noah Berg", "--phone", "+46 70 123 45 67", "--reference", "B-1", "--locale", "sv",
        "--type", "business", "--company-name", "Berg AB", "--billing-address", "city=Lund", "--billing-address", "country=se",
        "--field", "date_of_birth=1990-01-31", "--metadata", "plan=gold",
    )  # fmt: skip

    assert made["id"].startswith("cus_")
    assert {name: made[name] for name in ("object", "email", "phone", "reference", "type", "locale", "blocked", "livemode")} == {
        "object": "customer", "email": "Noah@berg.example", "phone": "+46701234567", "reference": "B-1", "type": "business",
        "locale": "sv", "blocked": False, "livemode": False,
    }  # fmt: skip
    assert (made["billing_address"]["city"], made["billing_address"]["country"]) == ("Lund", "SE")
    assert (made["fields"], made["metadata"]) == ({"date_of_birth": "1990-01-31"}, {"plan": "gold"})
    assert shop.acts(made["id"]) == [("customer.created", *COMMAND)]


def test_customer_is_named_by_id_reference_or_address(shop, customer):
    made = customer("--email", "noah@berg.example", "--reference", "B-1")

    for name in (made["id"], "B-1", " NOAH@berg.example"):
        assert shop.run("customer", "show", name).json == made


def test_name_of_several_or_of_nobody_is_one_line(shop, customer):
    one = customer("--email", "office@berg.example")
    two = customer("--email", "office@berg.example", "--allow-duplicate")
    three = customer("--reference", "lone@berg.example")
    four = customer("--email", "lone@berg.example")

    several = shop.refused("customer", "show", "office@berg.example")
    mixed = shop.refused("customer", "show", "lone@berg.example")

    assert one["id"] in several
    assert two["id"] in several
    assert three["id"] in mixed
    assert four["id"] in mixed
    for nobody in ("nobody@berg.example", "B-9", "cus_" + "0" * 22, "%"):
        shop.refused("customer", "show", nobody)


def test_address_and_telephone_of_another_customer_are_refused_and_name_it(shop, customer):
    noah = customer("--email", "noah@berg.example", "--phone", "+46701234567", "--reference", "B-1")
    lena = customer("--email", "lena@berg.example")

    for option, value in (("--email", "NOAH@berg.example"), ("--phone", "+46 70 123 45 67"), ("--reference", "B-1")):
        for arguments in (("create",), ("update", lena["id"])):
            assert noah["id"] in shop.refused("customer", *arguments, option, value)
    assert shop.run("customer", "show", lena["id"]).json == lena


def test_customer_is_updated_by_what_is_named(shop, customer):
    made = customer("--email", "noah@berg.example", "--name", "Noah", "--metadata", "plan=gold", "--metadata", "team=7")

    changed = shop.run(
        "customer", "update", "noah@berg.example", "--name", "", "--phone", "+46701234567", "--metadata", "plan="
    ).json  # fmt: skip

    assert (changed["name"], changed["phone"], changed["email"], changed["metadata"]) == (
        None, "+46701234567", "noah@berg.example", {"team": "7"},
    )  # fmt: skip
    assert shop.acts(made["id"])[-1] == ("customer.updated", *COMMAND)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--name", "Nobody"], "email, a phone or a reference"), (["--email", "x"], "not an email address"),
        (["--email", "a@berg.example", "--metadata", "plan"], "KEY=VALUE"), (["--email", "a@berg.example", "--metadata", "=x"], "KEY=VALUE"),
        (["--email", "a@berg.example", "--field", "date_of_birth=yesterday"], "not a date"), (["--phone", "12"], "telephone number"),
        (["--email", "a@berg.example", "--billing-address", "planet=Mars"], "has no part planet"),
        (["--email", "a@berg.example", "--metadata", "a=1", "--metadata", "a=2"], "given twice"),
    ],
)  # fmt: skip
def test_customer_that_cannot_be_is_wrong_usage(shop, options, sentence):
    assert sentence in shop.refused("customer", "create", *options, code=2)


def test_customer_is_blocked_unblocked_and_deleted(shop, customer):
    made = customer("--email", "noah@berg.example")

    assert shop.run("customer", "block", made["id"]).json["blocked"] is True
    assert "blocked" in shop.refused("session", "create", "--customer", made["id"])
    assert shop.run("customer", "unblock", made["id"]).json["blocked"] is False
    assert shop.run("customer", "delete", made["id"]).json == {"id": made["id"], "object": "customer", "deleted": True}

    assert [action for action, *actor in shop.acts(made["id"]) if tuple(actor) == COMMAND] == [
        "customer.created", "customer.blocked", "customer.unblocked", "customer.deleted",
    ]  # fmt: skip
    assert "was deleted" in shop.refused("customer", "show", made["id"])
    shop.refused("customer", "delete", "noah@berg.example")
    assert made["id"] not in {row["id"] for row in shop.rows("customer", "list")}


def invited(shop: Shop, customer: dict[str, Any], address: str = "jonas@weber.example") -> str:
    scope, at = Scope(shop.account.scope.merchant_id, customer["id"]), datetime.now(UTC)
    with shop.account.database.unit_of_work() as session:
        return add_person(session, scope, address, Role.PAYER, name="Jonas", actor=OPERATOR, at=at)


def test_persons_are_listed_and_removed_by_address_and_by_id(shop, customer):
    account = customer("--email", "maya@lindqvist.example")
    first, second = invited(shop, account), invited(shop, account, "ingrid@moreau.example")
    listed = shop.rows("customer", "people", "list", account["id"])
    assert [(each["id"], each["email"], each["role"], each["status"]) for each in listed] == [
        (first, "jonas@weber.example", "payer", "invited"), (second, "ingrid@moreau.example", "payer", "invited"),
    ]  # fmt: skip

    (removed,) = shop.rows("customer", "people", "remove", account["id"], "Jonas@weber.example")
    shop.rows("customer", "people", "remove", account["email"], second)

    assert (removed["object"], removed["id"], removed["status"]) == ("person", first, "removed")
    assert shop.rows("customer", "people", "list", account["id"]) == []
    assert shop.acts(first)[-1] == ("person.removed", "system", "command")


def test_person_of_another_account_is_not_removed(shop, customer):
    account = customer("--email", "maya@lindqvist.example")
    shop.run("customer", "create", "--email", "other@else.example")
    person = invited(shop, account)

    for name in (person, "jonas@weber.example", "per_x", "nobody@else.example"):
        assert "has no person" in shop.refused("customer", "people", "remove", "other@else.example", name)

    assert len(shop.rows("customer", "people", "list", account["id"])) == 1


def test_customers_are_filtered_as_by_the_api(shop, customer):
    noah = customer(
        "--email", "noah@berg.example", "--name", "Noé  Berg", "--metadata", "plan=gold", "--reference", "B-1"
    )
    lena = customer("--email", "lena@berg.example", "--phone", "+46701234567", "--metadata", "plan=silver")
    maya = shop.account.scope.customer_id

    def ids(*filters: str) -> list[str]:
        return [row["id"] for row in shop.rows("customer", "list", *filters)]

    assert ids() == [lena["id"], noah["id"], maya]
    assert ids("--email", "NOAH@berg.example") == [noah["id"]]
    assert ids("--phone", "+46 70 123 45 67") == [lena["id"]]
    assert ids("--reference", "B-1") == [noah["id"]]
    assert ids("--metadata", "plan=gold") == [noah["id"]]
    assert ids("--search", "NOE\u0301") == [noah["id"]]
    assert ids("--search", "berg.ex") == [lena["id"], noah["id"]]
    assert ids("--search", "70 12 34") == [lena["id"]]
    assert ids("--search", "berg", "--metadata", "plan=bronze") == []
    assert ids("--created-after", noah["created_at"])[0] == lena["id"]
    assert ids("--created-after", "2999-01-01") == []
    assert ids("--limit", "2") == [lena["id"], noah["id"]]
    assert ids("--search", "maya", "--limit", "1") == [maya]
    for wrong in (["--search", "be"], ["--limit", "0"], ["--created-after", "soon"], ["--phone", "12"]):
        shop.refused("customer", "list", *wrong, code=2)


def test_list_streams_all_rows_in_order_over_its_pages(shop):
    with shop.account.database.unit_of_work() as session:
        for number in range(EXPORT_SIZE + 2):
            customers.add_customer(
                session, shop.account.scope.merchant_id, f"c{number}@many.example", at=shop.account.now
            )

    rows = shop.rows("customer", "list")

    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == EXPORT_SIZE + 3
    assert ids == sorted(ids, reverse=True)


def test_proposed_merges_are_listed_and_dismissed(shop, customer):
    one = customer("--reference", "C-1", "--email", "maya@shop.example", "--name", "Maya")
    other = customer("--reference", "C-2", "--email", "shared@shop.example", "--company-name", "Studio")
    with shop.account.database.unit_of_work() as session:
        scope = Scope(shop.account.scope.merchant_id, one["id"])
        changed, actor = EventType.CUSTOMER_EMAIL_CHANGED, customer_actor(one["id"])
        at = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)
        change_email(session, scope, "shared@shop.example", event_type=changed, actor=actor, at=at)

    listed = shop.rows("customer", "merge-proposals")

    assert listed == [
        {
            "object": "merge_proposal",
            "customer": {"id": one["id"], "reference": "C-1", "name": "Maya", "company_name": None},
            "other": {"id": other["id"], "reference": "C-2", "name": None, "company_name": "Studio"},
            "reason": "same_proved_email",
            "email": "shared@shop.example",
            "proposed_at": "2026-03-20T08:00:00Z",
        }
    ]
    assert shop.rows("customer", "merge-proposals", "--customer", "C-2") == listed
    assert shop.rows("customer", "merge-proposals", "--customer", shop.account.scope.customer_id) == []
    dismissed = shop.run("customer", "dismiss-merge", "C-2", "C-1").json
    assert dismissed == {"object": "merge_proposal", "customer": other["id"], "other": one["id"], "dismissed": True}
    assert shop.rows("customer", "merge-proposals") == []
    assert shop.acts(one["id"])[-1] == ("customer.merge_dismissed", *COMMAND)
    assert "no proposal to merge" in shop.refused("customer", "dismiss-merge", "C-2", "C-1")


# --- invoices ---


def test_invoice_is_written_shown_and_voided_by_its_number(shop, customer):
    noah = customer("--email", "noah@berg.example")

    made = shop.run(
        "invoice", "create", "--customer", "noah@berg.example", "--line", "Plan A=1: yearly=120.00", "--line", "Seats=12.505*3@19.25%",
        "--issued-on", "2026-01-31", "--due-on", "2026-02-28",
    ).json  # fmt: skip

    assert (made["number"], made["status"], made["customer"]) == ("ACME-0001", "open", noah["id"])
    assert [(line["description"], line["quantity"], line["unit_amount_decimal"], line["tax_rate"], line["amount"]) for line in made["lines"]] == [
        ("Plan A=1: yearly", 1, "12000", None, 12000), ("Seats", 3, "1250.5", "19.25", 3752),
    ]  # fmt: skip
    assert (made["subtotal"], made["tax"], made["total"], made["issued_on"], made["due_on"], made["overdue"]) == (
        15752, 722, 16474, "2026-01-31", "2026-02-28", True,
    )  # fmt: skip
    assert shop.run("invoice", "show", "ACME-0001").json == made
    assert shop.run("invoice", "void", "ACME-0001").json["status"] == "void"
    assert "is void" in shop.refused("invoice", "void", made["id"])
    assert shop.acts(made["id"]) == [("invoice.opened", *COMMAND), ("invoice.voided", *COMMAND)]


def test_days_and_currency_are_the_merchants_unless_given(shop, customer):
    customer("--reference", "B-1")

    made = shop.run(
        "invoice", "create", "--customer", "B-1", "--line", "Plan=5000", "--currency", "xaf", "--number", "F-1"
    ).json

    assert (made["number"], made["currency"], made["total"]) == ("F-1", "XAF", 5000)
    assert made["issued_on"] < made["due_on"]
    assert shop.run("invoice", "create", "--customer", "B-1", "--line", "Plan=50").json["currency"] == "USD"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--line", "Plan"], "DESCRIPTION=UNIT_AMOUNT"), (["--line", "Plan=1,5"], "DESCRIPTION=UNIT_AMOUNT"), (["--line", "Plan=1.2.3"], "plain decimal"),
        (["--line", "=5"], "says what it is for"), (["--line", "Plan=-5"], "comes to nothing or more"), (["--line", "Plan=5@101"], "0 to 100"),
        (["--line", "Plan=5", "--currency", "QQQ"], "ISO 4217"), (["--line", "Plan=5", "--due-on", "soon"], "2026-01-31"),
        (["--line", "Plan=5", "--issued-on", "2026-02-01", "--due-on", "2026-01-01"], "not due before"),
    ],
)  # fmt: skip
def test_invoice_that_cannot_be_is_wrong_usage(shop, options, sentence):
    assert sentence in shop.refused("invoice", "create", "--customer", shop.account.scope.customer_id, *options, code=2)


def test_number_that_is_taken_and_customer_that_is_nobody_are_refused(shop):
    known = shop.account.invoice(number="F-1")
    who = shop.account.scope.customer_id

    assert known in shop.refused("invoice", "create", "--customer", who, "--line", "Plan=5", "--number", "F-1")
    assert "no customer" in shop.refused("invoice", "create", "--customer", "nobody", "--line", "Plan=5")


def test_number_of_several_customers_asks_whose(shop, customer):
    noah = customer("--email", "noah@berg.example")
    with shop.account.database.unit_of_work() as session:
        scope = customers.add_customer(
            session, shop.account.scope.merchant_id, "lena@berg.example", at=shop.account.now
        )
        hers = customers.add_invoice(session, scope, number="F-1", at=shop.account.now)
    mine = shop.account.invoice(number="F-1")

    refusal = shop.refused("invoice", "void", "F-1")

    assert hers in refusal
    assert mine in refusal
    assert shop.run("invoice", "void", "F-1", "--customer", "lena@berg.example").json["id"] == hers
    assert shop.run("invoice", "show", mine).json["status"] == "open"
    shop.refused("invoice", "show", "F-1", "--customer", noah["id"])
    shop.refused("invoice", "show", mine, "--customer", noah["id"])
    shop.refused("invoice", "show", "F-9")


def test_invoices_are_filtered(shop, customer):
    late = shop.account.invoice(due_in_days=-3, number="late")
    soon = shop.account.invoice(number="soon")
    paid = shop.account.invoice(status="paid", amount_paid=5000, number="paid")
    void = shop.account.invoice(status="void", number="void")
    draft = shop.account.invoice(status="draft", number="draft")
    noah = customer("--email", "noah@berg.example")["id"]

    def ids(*filters: str) -> set[str]:
        return {row["id"] for row in shop.rows("invoice", "list", *filters)}

    assert ids() == {late, soon, paid, void, draft}
    assert ids("--status", "outstanding") == {late, soon}
    assert ids("--status", "overdue") >= {late}
    assert ids("--status", "paid", "--status", "void") == {paid, void}
    assert ids("--status", "draft") == {draft}
    assert ids("--number", "soon") == {soon}
    assert ids("--customer", noah) == set()
    assert len(ids("--limit", "2")) == 2
    assert shop.run("invoice", "show", "draft").json["id"] == draft
    shop.refused("invoice", "list", "--status", "overdue", "--status", "paid", code=2)


# --- payments ---


def test_payments_by_credit_alone_are_a_method_of_their_own(shop):
    shop.account.credit(300)
    shop.account.payment("complete", 5000)
    by_credit = shop.account.payment(
        "complete",
        300,
        method_type="credit",
        method_brand=None,
        method_last4=None,
        way="credit",
        gateway=None,
        credit_amount=300,
    )

    rows = shop.rows("payment", "list", "--method", "credit")

    assert [(row["id"], row["channel"], row["gateway"]) for row in rows] == [(by_credit, "credit", None)]
    assert by_credit not in {row["id"] for row in shop.rows("payment", "list", "--method", "card")}


def test_payments_are_filtered_and_shown(shop):
    invoice = shop.account.invoice(status="paid", amount_paid=5000)
    done = shop.account.payment("complete", 5000, pays={invoice: 5000})
    failed = shop.account.payment("failed", 700, currency="EUR", method_type="mobile_money")

    def ids(*filters: str) -> set[str]:
        return {row["id"] for row in shop.rows("payment", "list", *filters)}

    day = shop.account.now.date().isoformat()
    assert ids() == {done, failed}
    assert ids("--status", "complete") == {done}
    assert ids("--status", "complete", "--status", "failed") == {done, failed}
    assert ids("--method", "mobile_money") == ids("--currency", "eur") == {failed}
    assert ids("--from", day, "--to", day) == {done, failed}
    assert ids("--from", "2999-01-01") == ids("--to", "2000-01-01") == set()
    assert ids("--customer", shop.account.scope.customer_id) == {done, failed}
    shown = shop.run("payment", "show", done).json
    assert (shown["object"], shown["amount"], shown["invoices"]) == (
        "payment",
        5000,
        [{"invoice": invoice, "amount": 5000}],
    )
    assert "no payment" in shop.refused("payment", "show", "pay_" + "0" * 22)
    shop.refused("payment", "list", "--from", "soon", code=2)


def test_another_merchants_records_are_not_found(shop, services):
    stranger = make_account(services, "savane")
    invoice, payment = stranger.invoice(number="S-1"), stranger.payment()

    for arguments in (
        ("customer", "show", stranger.scope.customer_id), ("customer", "block", stranger.scope.customer_id),
        ("customer", "delete", stranger.scope.customer_id), ("invoice", "show", invoice), ("invoice", "show", "S-1"),
        ("invoice", "void", invoice), ("payment", "show", payment), ("invoice", "list", "--customer", stranger.scope.customer_id),
    ):  # fmt: skip
        shop.refused(*arguments)
    for kind in ("invoice", "payment"):
        assert shop.rows(kind, "list") == []


# --- settings ---


def test_settings_that_do_not_exist_are_named_with_the_nearest(shop, monkeypatch):
    monkeypatch.setenv("PORTAL_SMPT_URL", "smtp://mail.example")
    monkeypatch.setenv("PORTAL_COLOUR_OF_THE_MOON", "blue")
    monkeypatch.setenv("PORTAL_TEST_DATABASE_URL", "of the tests")

    ran = shop.run("payment", "list")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        "portal: there is no setting PORTAL_COLOUR_OF_THE_MOON",
        "portal: there is no setting PORTAL_SMPT_URL; did you mean PORTAL_SMTP_URL?",
    ]
    doctor = shop.commands.run("doctor").out
    assert "warning  settings    there is no setting PORTAL_SMPT_URL; did you mean PORTAL_SMTP_URL?" in doctor


def test_invoice_gets_a_pdf_of_the_merchants_own(shop: Shop, tmp_path: Path) -> None:
    invoice_id = shop.account.invoice(5000, number="ACME-7")
    own, text = tmp_path / "own.pdf", tmp_path / "own.txt"
    own.write_bytes(b"%PDF-1.7\nstartxref\n9\n%%EOF\n")
    text.write_text("no PDF")

    ran = shop.run("invoice", "attach", "ACME-7", str(own))

    assert (ran.code, ran.json["number"]) == (0, "ACME-7")
    assert "invoice.document_attached" in [act for act, _, _ in shop.acts(invoice_id)]
    assert shop.run("invoice", "attach", "ACME-7", str(text)).code == 2
    assert "has no invoice ACME-9" in shop.refused("invoice", "attach", "ACME-9", str(own))


# --- pay links ---


def test_pay_link_is_printed_and_revoked(shop):
    invoice = shop.account.invoice(5000, number="A-1")

    made = shop.run("pay-link", "create", "A-1")
    again = shop.run("pay-link", "create", invoice)
    revoked = shop.run("pay-link", "revoke", "A-1")

    assert (made.code, made.err, len(made.out.splitlines())) == (0, "", 1)
    assert made.out.startswith("http://127.0.0.1:5000/acme/pay/")
    assert again.out == made.out
    assert (revoked.code, revoked.out) == (0, "revoked\n")
    assert "has no pay link" in shop.refused("pay-link", "revoke", "A-1")
    assert shop.run("pay-link", "create", "A-1").out != made.out


def test_pay_link_of_what_nobody_pays_is_refused(shop):
    shop.account.invoice(5000, number="A-1", status="paid", amount_paid=5000)

    assert "nobody has to pay it" in shop.refused("pay-link", "create", "A-1")
    assert "has no invoice B-9" in shop.refused("pay-link", "create", "B-9")
