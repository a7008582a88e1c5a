"""The commands against a real database: what they print, how they end, what they leave behind."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.database import Database
from portal.gateways.contract import ListedCharge, RefundOutcome, State
from portal.merchants.models import ApiKey, GatewayAccount, Merchant
from portal.merchants.rules.merchants import read_api_key
from portal.merchants.rules.payment_options import AmountLimits
from portal.merchants.rules.secrets import decrypt_secrets
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.payments.rules.choices import Exact
from portal.provider_events.models import ProviderEvent
from portal.reconciliation.jobs import compare_charges
from portal.refunds.operations import refund_payment
from portal.settings import Settings
from portal.sign_in.models import PortalSession
from tests.conftest import SECRET_KEY
from tests.support.actors import STAFF
from tests.support.commands import Commands, Ran
from tests.support.customers import add_customer
from tests.support.mail_catcher import catch_mail
from tests.support.paying import Killed, allow, killing_at
from tests.support.scripted_gateway import lost

SLICE = Path(__file__).parents[1] / "data" / "online-retail-slice.csv"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
IMPORT = [
    "import", "invoices", str(SLICE), "--merchant", "acme", "--map", "number=InvoiceNo", "--map", "customer=CustomerID",
    "--map", "issued_on=InvoiceDate", "--map", "quantity=Quantity", "--map", "unit_amount=UnitPrice", "--map", "customer_country=Country",
    "--set", "currency=GBP", "--set", "customer_email={CustomerID}@shop.example", "--date-format", "%m/%d/%Y %H:%M",
    "--timezone", "Europe/London",
]  # fmt: skip


@pytest.fixture
def commands(database: Database, settings: Settings, capsys, monkeypatch) -> Commands:
    return _commands(database, capsys, monkeypatch)


@pytest.fixture
def acme(commands: Commands) -> dict[str, str]:
    return commands.run(
        "merchant", "create", "acme", "--name", "Acme", "--currency", "gbp", "--timezone", "Europe/London"
    ).json


def _commands(database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    return Commands(capsys)


# --- the schema ---


def test_schema_is_made_once_and_checked(bare_database, capsys, monkeypatch):
    commands = _commands(bare_database, capsys, monkeypatch)

    behind = commands.run("db", "check")
    made = commands.run("db", "upgrade")
    again = commands.run("db", "upgrade")
    current = commands.run("db", "check")

    assert (behind.code, "portal db upgrade" in behind.err, len(behind.err.splitlines())) == (1, True, 1)
    assert (made.code, "upgraded from nothing" in made.out) == (0, True)
    assert (again.code, "is current" in again.out) == (0, True)
    assert (current.code, "is current" in current.out) == (0, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",), ("serve", "--workers", "1"), ("worker", "--once"), ("merchant", "create", "acme", "--name", "A", "--currency", "EUR"),
        ("api-key", "create", "--merchant", "acme"), ("session", "create", "--merchant", "acme", "--customer", "a@x.example"), tuple(IMPORT),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)  # fmt: skip
def test_nothing_starts_on_a_schema_that_is_not_current(bare_database, capsys, monkeypatch, arguments):
    ran = _commands(bare_database, capsys, monkeypatch).run(*arguments)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "portal: the database's schema is not current: run `portal db upgrade`\n"


# --- merchants and keys ---


def test_merchant_is_created_and_printed(commands, database):
    ran = commands.run(
        "merchant", "create", "savane", "--name", "Savane", "--currency", "xaf", "--locale", "fr", "--theme", "savane", "--support-email",
        "Aide@Savane.example",
    )  # fmt: skip

    assert ran.code == 0
    assert ran.json["id"].startswith("mer_")
    assert {name: ran.json[name] for name in ("slug", "currency", "locale", "mode", "livemode", "theme", "gateway")} == {
        "slug": "savane", "currency": "XAF", "locale": "fr", "mode": "test", "livemode": False, "theme": "savane", "gateway": "sandbox",
    }  # fmt: skip
    assert (ran.json["url"], ran.json["support_email"]) == ("http://127.0.0.1:5000/savane", "Aide@savane.example")
    with database.read() as reader:
        assert reader.execute(sa.select(GatewayAccount.gateway)).all() == []


def test_test_merchant_gets_an_account_at_the_sandbox_that_is_set(commands, database, settings, monkeypatch):
    monkeypatch.setenv("PORTAL_SANDBOX_URL", "http://127.0.0.1:9")

    ran = commands.run("merchant", "create", "acme", "--name", "Acme", "--currency", "USD")

    assert (ran.code, "does not answer" in ran.err) == (0, True)
    with database.read() as reader:
        ((sealed,),) = reader.execute(sa.select(GatewayAccount.secrets))
    assert decrypt_secrets(sealed, settings.keys)["secret_key"] == "sk_sandbox_acme"


def test_live_merchant_has_no_gateway_until_one_is_connected(commands):
    assert (
        commands.run("merchant", "create", "shop", "--name", "S", "--currency", "EUR", "--mode", "live").json["gateway"]
        == "none"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dashboard", "--name", "A", "--currency", "EUR"), "an address of the portal itself"),
        (("Bad_Slug", "--name", "A", "--currency", "EUR"), "a slug is"),
        (("other", "--name", "A", "--currency", "QQQ"), "ISO 4217"),
        (("other", "--name", "A", "--currency", "EUR", "--locale", "xx"), "the locale is not"),
        (("other", "--name", "A", "--currency", "EUR", "--theme", "none"), "there is no theme none"),
        (("other", "--name", "A", "--currency", "EUR", "--timezone", "Mars"), "the timezone is not"),
        (("other", "--name", " ", "--currency", "EUR"), "name is empty"),
        (("other", "--name", "A", "--currency", "EUR", "--support-email", "x"), "not an email address"),
    ],
)
def test_merchant_that_can_never_be_is_wrong_usage_in_one_line(commands, database, acme, arguments, sentence):
    ran = commands.run("merchant", "create", *arguments)

    assert (ran.code, sentence in ran.err, len(ran.err.splitlines())) == (2, True, 1)
    with database.read() as reader:
        assert reader.execute(sa.select(sa.func.count()).select_from(Merchant)).scalar() == 1


def test_merchant_whose_slug_is_taken_is_refused_and_no_wrong_usage(commands, database, acme):
    ran = commands.run("merchant", "create", "acme", "--name", "A", "--currency", "EUR")

    assert (ran.code, ran.err) == (1, "portal: another merchant has the slug acme\n")


def test_key_is_shown_once_and_stored_as_a_digest(commands, database, acme):
    ran = commands.run("api-key", "create", "--merchant", "acme", "--scope", "customers:read")

    key = ran.out.strip()
    found = read_api_key(key)
    assert found is not None
    assert (ran.code, found.mode, found.merchant_id) == (0, "test", acme["id"])
    with database.read() as reader:
        (row,) = reader.execute(sa.select(ApiKey.__table__).where(ApiKey.digest == found.digest))
    assert (row.merchant_id, row.scopes) == (acme["id"], ["customers:read"])
    assert key not in repr(row)


def test_key_for_nobody_or_for_anything_is_refused(commands, acme):
    nobody = commands.run("api-key", "create", "--merchant", "nope")
    anything = commands.run("api-key", "create", "--merchant", "acme", "--scope", "all")

    assert (nobody.code, "there is no merchant nope" in nobody.err) == (1, True)
    assert (anything.code, "there is no scope all" in anything.err, anything.err.count("\n")) == (2, True, 1)


# --- import and sessions ---


def test_import_prints_its_summary_as_one_line_and_writes_the_report(commands, acme, tmp_path):
    report = tmp_path / "report.csv"

    ran = commands.run(*IMPORT, "--report", str(report))

    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    assert ran.json == {"rows": 291, "created": 190, "updated": 0, "unchanged": 0, "rejected": 101}
    assert len(report.read_text().splitlines()) == 1 + 101
    assert "reading" in ran.err and "\r" not in ran.err
    assert commands.run(*IMPORT).json == {"rows": 291, "created": 0, "updated": 0, "unchanged": 190, "rejected": 101}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--map", "due_on=Due"], "no column Due"), (["--map", "nonsense=Country"], "no field nonsense"), (["--map", "due_on"], "not of the form"),
        (["--set", "currency=USD"], "given twice"), (["--ignore", "Nope"], "no column Nope"), (["--values", "status=open"], "not of the form"),
        (["--none", "customer"], "not of the form"), (["--decimal", ";"], "--decimal"), (["--skip-rows", "-1"], "--skip-rows"),
        (["--delimiter", ";;"], "single character"), (["--set", "description={Nope}"], "no column Nope"),
    ],
)  # fmt: skip
def test_wrong_import_is_2_and_one_line_before_anything_is_written(commands, database, acme, more, sentence):
    ran = commands.run(*IMPORT, *more)

    assert (ran.code, ran.out, sentence in ran.err, len(ran.err.splitlines())) == (2, "", True, 1)


def test_windows_1252_file_is_read_and_reported(commands, acme, tmp_path):
    file = tmp_path / "customers.csv"
    file.write_bytes("reference;name\n1;José\n".encode("cp1252"))

    ran = commands.run("import", "customers", str(file), "--merchant", "acme", "--delimiter", ";")

    assert ran.json["created"] == 1
    assert "Windows-1252" in ran.err


def test_report_that_cannot_be_written_stops_the_import(commands, acme, tmp_path):
    ran = commands.run(*IMPORT, "--report", str(tmp_path / "no" / "report.csv"))

    assert (ran.code, ran.out, "cannot be written" in ran.err) == (1, "", True)


def test_session_is_an_address_for_one_customer(commands, database, acme):
    commands.run(*IMPORT)

    ran = commands.run("session", "create", "--merchant", "acme", "--customer", "17850@Shop.example")

    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    assert ran.out.startswith("http://127.0.0.1:5000/acme/sign-in/session/")
    with database.read() as reader:
        ((digest, customer_id),) = reader.execute(sa.select(PortalSession.token_digest, PortalSession.customer_id))
    assert ran.out.strip().rpartition("/")[2].encode() not in digest
    assert commands.run("session", "create", "--merchant", "acme", "--customer", customer_id).code == 0


@pytest.mark.parametrize("customer", ["nobody@shop.example", "cus_1", "cus_" + "0" * 22, "x"])
def test_session_for_nobody_is_refused(commands, acme, customer):
    ran = commands.run("session", "create", "--merchant", "acme", "--customer", customer)

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)


def test_session_for_one_of_several_asks_for_an_id(commands, database, acme, clock):
    with database.unit_of_work() as session:
        (merchant_id,) = session.execute(sa.select(Merchant.id).where(Merchant.slug == "acme")).one()
        for _ in range(2):
            add_customer(session, merchant_id, "a@shop.example", at=clock.now())

    ran = commands.run("session", "create", "--merchant", "acme", "--customer", "a@shop.example")

    assert (ran.code, ran.err.count("cus_")) == (1, 2)


# --- the rest ---


def test_worker_does_what_is_due_and_ends(commands, acme):
    ran = commands.run("worker", "--once")

    assert (ran.code, "0 done" in ran.out) == (0, True)


def test_themes_are_listed_and_checked(commands, tmp_path, monkeypatch):
    listed = {line.split()[0] for line in commands.run("theme", "list").out.splitlines()}
    assert listed >= {"acme", "base", "savane"}
    assert commands.run("theme", "check").code == 0
    assert commands.run("theme", "check", "none").code == 2

    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "theme.toml").write_text('name = "Odd"\nextends = "base"\n[tokens]\nnonsense = "1"\n')
    monkeypatch.setenv("PORTAL_THEMES_DIR", str(tmp_path))
    ran = commands.run("theme", "check", "odd", "--json")
    assert (ran.code, ran.json["themes"], ran.json["sound"]) == (1, ["odd"], False)
    assert ran.json["faults"] == [
        {
            "theme": "odd", "file": str(tmp_path / "odd" / "theme.toml"), "line": 4, "kind": "token",
            "message": "nonsense is not a token; docs/themes.md lists them", "nearest": None,
        }
    ]  # fmt: skip


def test_theme_is_checked_without_any_other_setting(commands, monkeypatch):
    monkeypatch.delenv("PORTAL_SECRET_KEY")
    monkeypatch.delenv("PORTAL_DATABASE_URL")

    assert commands.run("theme", "list").code == 0


def levels(out: str) -> list[tuple[str, str]]:
    return [(line.split()[0], line.split()[1]) for line in out.splitlines()]


def test_doctor_finds_no_fault_in_a_valid_installation(commands, acme, monkeypatch):
    with catch_mail() as mail:
        monkeypatch.setenv("PORTAL_SMTP_URL", mail.url)

        ran = commands.run("doctor")

    assert ran.code == 0
    assert {
        ("ok", "settings"),
        ("ok", "database"),
        ("ok", "schema"),
        ("ok", "mail"),
        ("ok", "themes"),
        ("warning", "gateway"),
    } <= set(levels(ran.out))
    assert "fault" not in {level for level, _ in levels(ran.out)}


def test_doctor_names_each_fault(commands, acme, database, monkeypatch):
    monkeypatch.setenv("PORTAL_SMTP_URL", "smtp://127.0.0.1:1")
    with database.unit_of_work() as session:
        session.execute(sa.update(Merchant).values(theme="gone"))
        session.execute(
            sa.insert(OutboxMessage),
            [
                {
                    "merchant_id": acme["id"],
                    "id": "obx_1",
                    "kind": "x",
                    "payload": {},
                    "attempts": 0,
                    "created_at": _LONG_AGO,
                    "due_at": _LONG_AGO,
                }
            ],
        )

    ran = commands.run("doctor")

    assert ran.code == 1
    assert {("fault", "mail"), ("fault", "themes"), ("warning", "outbox")} <= set(levels(ran.out))


def test_doctor_names_payments_that_stay_unknown(commands, payer):
    payer.gateway.answers.append(lost)
    payer.pay(payer.invoice())  # The payer's clock stands in March: to the machine's that is long ago.

    ran = commands.run("doctor")

    assert ("warning", "payments") in levels(ran.out)
    assert "1 have no known outcome" in ran.out


@pytest.fixture
def refunds(commands, payer, monkeypatch) -> Callable[..., Ran]:
    """Runs `portal refund` for the payer's merchant, at the payer's gateway."""
    monkeypatch.setattr("portal.commands.refund.open_services", lambda _: nullcontext(payer.services))
    slug = payer.slug
    return lambda *words: commands.run("refund", "--merchant", slug, *words)


def test_refund_of_credit_that_was_spent_says_how_much_can_be_given_back(refunds, payer):
    allow(payer, top_ups={"USD": AmountLimits(100, 5000)})
    payment = payer.pay(top_up="USD", amount=Exact(2000))
    payer.pay(payer.invoice(1250), use_credit=True)

    ran = refunds(payment)

    assert ran.code == 1
    assert "has used since: it cannot be refunded as well. At most 7.50 USD can be refunded." in ran.err
    assert refunds(payment, "--amount", "7.50").json["amount"] == 750


def test_refund_of_a_part_and_then_of_the_rest(refunds, payer):
    payment = payer.pay(payer.invoice(5000))

    part = refunds(payment, "--amount", "12.50", "--reason", "one seat less").json
    rest = refunds(payment).json

    assert (part["object"], part["payment"], part["amount"], part["currency"], part["status"], part["reason"]) == (
        "refund", payment, 1250, "USD", "complete", "one seat less",
    )  # fmt: skip
    assert rest["amount"] == 3750
    assert payer.status(payment) == "refunded"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--amount", "50.01"], 1, "no more than what is left"),
        (["--amount", "0"], 1, "more than zero"),
        (["--amount", "12,50"], 2, "--amount"),
        (["--amount", "1e2"], 2, "--amount"),
        (["--amount", "1.005"], 2, "--amount"),
    ],
)
def test_refund_of_an_amount_that_cannot_be_is_refused_in_one_line(refunds, payer, words, code, sentence):
    payment = payer.pay(payer.invoice(5000))

    ran = refunds(payment, *words)

    assert (ran.code, ran.out, ran.err.count("\n"), sentence in ran.err) == (code, "", 1, True)
    assert payer.gateway.refunds == {}


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("paid with 4242 4242 4242 4242", "looks like it holds a card number"),
        ("one\x07seat", "has a control character"),
        ("x" * 256, "is longer than"),
    ],
)
def test_refund_for_a_reason_that_must_not_be_stored_is_refused(refunds, payer, reason, sentence):
    payment = payer.pay(payer.invoice(5000))

    ran = refunds(payment, "--reason", reason)

    assert (ran.code, ran.out, ran.err.count("\n"), sentence in ran.err) == (2, "", 1, True)
    assert "4242" not in ran.err
    assert payer.gateway.refunds == {}


@pytest.mark.parametrize("payment", ["pay_unknown", "pay_0351NVaOhsYXswh5OTufqs"])
def test_refund_of_a_payment_that_is_not_the_merchants_is_refused(refunds, payment):
    ran = refunds(payment)

    assert (ran.code, ran.err) == (1, f"portal: this merchant has no payment {payment}\n")


def test_doctor_names_payments_that_nobody_has_sent(commands, payer):
    payer.clock.move_to(datetime.now(UTC) - timedelta(minutes=2))
    payment = payer.checkout(payer.invoice())
    with pytest.raises(Killed):
        payer.confirm(payment, services=payer.with_crash_point(killing_at("payment.intent_committed")))

    ran = commands.run("doctor")

    assert "1 were confirmed more than a minute ago and not sent: is `portal worker` running" in ran.out


def test_doctor_names_refunds_and_events_that_wait_for_a_person(commands, payer):
    payment = payer.pay(payer.invoice())
    payer.gateway.refund = lambda request: RefundOutcome(State.UNKNOWN, request.reference)
    refund_payment(payer.services, payer.scope.merchant_id, payment, 100, reason=None, actor=STAFF)
    given = {"merchant_id": payer.scope.merchant_id, "gateway": "sandbox", "type": "x", "received_at": _LONG_AGO}
    with payer.services.database.unit_of_work() as session:
        session.add(ProviderEvent(**given, event_id="evt_waits", due_at=_LONG_AGO))
        session.add(ProviderEvent(**given, event_id="evt_dead", dead_at=_LONG_AGO, fault="unknown_here"))

    ran = commands.run("doctor")

    assert {("warning", "refunds"), ("warning", "events")} <= set(levels(ran.out))
    assert "evt_dead of " in ran.out and "days ago: unknown_here" in ran.out


def test_doctor_lists_each_difference_with_its_age_and_both_sides(commands, payer):
    slug = payer.slug
    payment = payer.pay(payer.invoice())
    foreign = ListedCharge("ch_shop", None, State.SUCCEEDED, Money(900, "USD"), payer.clock.now())
    wrong = ListedCharge(f"ch_{payment}", payment, State.SUCCEEDED, Money(4900, "USD"), payer.clock.now())
    payer.gateway.list_charges = lambda since, until: (foreign, wrong)
    compare_charges(payer.services)

    ran = commands.run("doctor")

    (line,) = [line for line in ran.out.splitlines() if payment in line]
    assert line.startswith("warning  differences") and f"{slug} (test): {payment} is other_amount, found " in line
    assert "days ago: sandbox lists 4900 USD, the ledger has 5000 USD" in line
    assert "0 charges agree, USD 4900 listed and 5000 booked; 1 are not ours" in ran.out


def test_doctor_of_another_secret_says_that_gateway_keys_cannot_be_read(
    commands, acme, database, settings, monkeypatch
):
    monkeypatch.setenv("PORTAL_SANDBOX_URL", "http://127.0.0.1:9")
    commands.run("merchant", "create", "other", "--name", "Other", "--currency", "EUR")
    monkeypatch.setenv("PORTAL_SECRET_KEY", "another secret of more than thirty-two characters")

    ran = commands.run("doctor")

    assert (ran.code, "cannot be read with this installation's SECRET_KEY" in ran.out) == (1, True)


def test_doctor_names_every_wrong_setting(commands, monkeypatch):
    monkeypatch.setenv("PORTAL_SECRET_KEY", "short")
    monkeypatch.setenv("PORTAL_SMTP_URL", "http://nonsense")

    ran = commands.run("doctor")

    assert (ran.code, levels(ran.out)) == (1, [("fault", "settings"), ("fault", "settings")])


def test_json_of_a_merchant_is_one_line(commands):
    ran = commands.run("merchant", "create", "acme", "--name", "Acme", "--currency", "EUR")

    assert json.loads(ran.out.strip())["object"] == "merchant"
    assert len(ran.out.splitlines()) == 1


def test_doctor_checks_the_ledger_alone_without_the_network(commands, payer, monkeypatch):
    monkeypatch.setenv("PORTAL_SMTP_URL", "smtp://127.0.0.1:1")
    payer.pay(payer.invoice(5000))

    ran = commands.run("doctor", "--ledger")

    assert (ran.code, levels(ran.out)) == (0, [("ok", "ledger")])
    assert "2 transactions of 4 entries sum to zero" in ran.out


def test_doctor_names_the_first_row_of_the_ledger_that_is_wrong(commands, payer, database):
    payer.pay(payer.invoice(5000))
    with database.unit_of_work() as session:
        session.execute(sa.text("update invoices set total = total + 1 where merchant_id is not null"))

    ran = commands.run("doctor", "--ledger")

    assert (ran.code, levels(ran.out)) == (1, [("fault", "ledger")])
    assert "invoices inv_" in ran.out


def test_settings_document_is_printed_and_taken_as_it_was_printed(commands, acme, tmp_path):
    printed = commands.run("merchant", "settings", "acme").out
    file = tmp_path / "settings.toml"
    credit = '\n[amounts.credit.USD]\nminimum = "10.00"\nmaximum = "500.00"\n'
    file.write_text(printed.replace('mode = "fixed"', 'mode = "editable"') + credit)

    taken = commands.run("merchant", "settings", "acme", "--apply", str(file))

    assert taken.code == 0
    assert tomllib.loads(taken.out)["amounts"] == {
        "mode": "editable", "split": False, "limits": {},
        "credit": {"USD": {"minimum": "10.00", "maximum": "500.00", "presets": []}}, "fresh_code_above": {},
    }  # fmt: skip
    assert commands.run("merchant", "settings", "acme").out == taken.out


def test_settings_document_is_checked_whole_and_a_wrong_one_changes_nothing(commands, acme, tmp_path):
    before = commands.run("merchant", "settings", "acme").out
    file = tmp_path / "settings.toml"
    file.write_text(
        '[amounts]\nmode = "free"\nsplit = 1\n[amounts.limits.USD]\nminimum = "1.005"\nmaximum = "5"\n[page]\n'
    )

    for option in ("--check", "--apply"):
        ran = commands.run("merchant", "settings", "acme", option, str(file))

        assert (ran.code, ran.out) == (1, "")
        assert ran.err.splitlines() == [
            "amounts.limits.USD.minimum: has more than the 2 decimals of USD",
            'amounts.mode: is one of "fixed", "editable" or "editable_after_insufficient_funds"',
            "amounts.split: is true or false",
            "page: is not a key here; did you mean pages?",
        ]
    assert commands.run("merchant", "settings", "acme").out == before


def test_settings_file_that_is_not_toml_is_one_clear_line(commands, acme, tmp_path):
    file = tmp_path / "settings.toml"
    for content in (b"[amounts\n", b"\xff\xfe", b"#" * 300_000):
        file.write_bytes(content)

        ran = commands.run("merchant", "settings", "acme", "--apply", str(file))

        assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)


def test_settings_that_changed_are_one_event_with_the_sections_that_did(commands, acme, database, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[amounts]\nsplit = true\n")

    for _ in range(2):
        commands.run("merchant", "settings", "acme", "--apply", str(file))

    with database.read() as reader:
        entries = reader.execute(
            sa.select(AuditEntry.details).where(
                AuditEntry.merchant_id == acme["id"], AuditEntry.action == "settings.updated"
            )
        ).scalars()
        assert [details["changed"] for details in entries] == [["amounts"]]


def test_theme_of_one_colour_is_made_checked_and_put_on_a_merchant(commands, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTAL_THEMES_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    made = commands.run("theme", "new", "brightwater", "--color", "#00bcd4")
    assert (made.code, made.out) == (0, f"{tmp_path / 'brightwater'}\n")
    assert "brightwater is sound" in made.err
    assert commands.run("theme", "check", "brightwater").code == 0

    commands.run("merchant", "create", "bright", "--name", "Brightwater", "--currency", "EUR")
    assert commands.run("merchant", "update", "bright", "--theme", "brightwater").code == 0
    assert commands.run("merchant", "show", "bright").json["theme"] == "brightwater"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x", "--color", "teal"), "is not a colour such as"),
        (("x", "--color", "#12345678"), "see-through"),
        (("x", "--color", ""), "is not a colour such as"),
        (("Bright", "--color", "#123456"), "is no name of a theme"),
        (("acme", "--color", "#123456"), "there is a theme named acme already"),
        (("x", "--color", "#123456", "--logo", "none.svg"), "there is no file none.svg"),
        (("x",), "--color"),
        (("x", "--from", "none.json"), "cannot be read"),
    ],
)
def test_theme_that_cannot_be_made_says_why_and_writes_nothing(commands, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)

    ran = commands.run("theme", "new", *arguments, "--into", "themes")

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert list(tmp_path.glob("themes/*")) == []
