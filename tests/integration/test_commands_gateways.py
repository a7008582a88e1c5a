"""`portal gateway` against a real database: nothing is stored that does not fit, no secret is shown, and keys can be changed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.database import Database
from portal.gateways.contract import MethodDetails
from portal.gateways.notchpay import NotchPayGateway
from portal.gateways.registry import AccountGateways
from portal.gateways.sandbox import SandboxGateway
from portal.merchants.errors import SecretsUnreadable
from portal.merchants.models import GatewayAccount, Merchant
from portal.merchants.operations import connect_gateway
from portal.merchants.queries import find_merchant
from portal.merchants.rules.secrets import decrypt_secrets
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations.methods import remember_method, update_methods_for_gateway
from portal.payments.models import Payment
from portal.refunds.models import Refund
from portal.services import Services
from portal.settings import Settings
from tests.conftest import SECRET_KEY
from tests.support.accounts import make_account
from tests.support.actors import CUSTOMER, OPERATOR
from tests.support.commands import Commands, Ran
from tests.support.notchpay_server import EVENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, NotchPayBooks, NotchPayServer

NEW_KEY = "another secret for tests alone of more than thirty-two characters"
LINES = f"# Notch Pay, test\npublic_key = {PUBLIC_KEY}\n\nprivate_key={PRIVATE_KEY}\nevent_secrets={EVENT_SECRET}\n"
SHOWN_NEVER = (PUBLIC_KEY, PRIVATE_KEY, EVENT_SECRET)


@pytest.fixture
def notchpay() -> Iterator[NotchPayServer]:
    server = NotchPayServer()
    yield server
    server.close()


@pytest.fixture
def commands(database: Database, notchpay: NotchPayServer, capsys, monkeypatch) -> Commands:
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("PORTAL_BASE_URL", "https://portal.example")
    monkeypatch.setenv("PORTAL_NOTCHPAY_URL", notchpay.origin)
    return Commands(capsys)


@pytest.fixture
def connect(commands: Commands, monkeypatch) -> Callable[..., Ran]:
    """`connect(LINES, …)`: the command with that on its standard input."""

    def run(lines: str, *arguments: str, slug: str = "acme", gateway: str = "notchpay") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        return commands.run("gateway", "connect", slug, gateway, *arguments)

    return run


@pytest.fixture
def acme(commands: Commands) -> str:
    """The id of a test merchant that pays through nothing yet."""
    found: str = commands.run("merchant", "create", "acme", "--name", "Acme", "--currency", "XAF").json["id"]
    return found


@pytest.fixture
def shop(commands: Commands) -> None:
    commands.run("merchant", "create", "shop", "--name", "Shop", "--currency", "XAF", "--mode", "live")


def accounts_of(database: Database, *keys: str) -> dict[str, dict[str, str]]:
    """What is stored, by gateway, as these keys open it."""
    with database.read() as reader:
        rows = reader.execute(sa.select(GatewayAccount.gateway, GatewayAccount.secrets)).all()
    return {gateway: decrypt_secrets(sealed, [key.encode() for key in keys]) for gateway, sealed in rows}


# --- connect ---


def test_merchant_is_connected_by_lines_on_standard_input(connect, database, notchpay, acme):
    ran = connect(LINES)

    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == "acme takes payments through notchpay now; events come to https://portal.example/hooks/acme/notchpay\n"
    )
    assert accounts_of(database, SECRET_KEY) == {
        "notchpay": {"public_key": PUBLIC_KEY, "private_key": PRIVATE_KEY, "event_secrets": EVENT_SECRET}
    }
    assert notchpay.requested == ["GET /payments"]
    with database.read() as reader:
        assert reader.execute(sa.select(Merchant.gateway)).scalar() == "notchpay"
        (act,) = reader.execute(sa.select(AuditEntry.__table__).where(AuditEntry.action == "gateway.connected"))
    assert not any(secret in repr(act) for secret in SHOWN_NEVER)


def test_account_at_the_gateway_of_before_is_still_found_by_its_name(connect, database, services, settings):
    """Its payments are refunded there, and its late events are taken."""
    account = make_account(services)
    with database.unit_of_work() as session:
        merchant = find_merchant(session.connection(), account.slug)
        assert merchant is not None
        connect_gateway(
            session,
            merchant,
            "sandbox",
            {"secret_key": "sk_sandbox_acme", "event_secret": "es"},
            keys=settings.keys,
            actor=OPERATOR,
            at=datetime.now(UTC),
        )
    assert connect(LINES).code == 0

    gateways = AccountGateways(database, settings.model_copy(update={"sandbox_url": "http://127.0.0.1:1"}))

    merchant_id = account.scope.merchant_id
    current = gateways.find(merchant_id)
    found = [gateways.find_named(merchant_id, name) for name in ("sandbox", "stripe", "of nobody", None)]
    assert current is not None and current.name == "notchpay"
    assert [each.name if each else None for each in found] == ["sandbox", None, None, None]


def test_merchant_that_is_connected_pays_through_that_gateway(connect, database, notchpay, acme, settings):
    connect(LINES)

    gateway = AccountGateways(database, settings).find(acme)

    assert isinstance(gateway, NotchPayGateway)
    assert (
        gateway.read_event(*NotchPayBooks().event("payment.complete", {}), datetime.now(UTC)).type == "payment.complete"
    )


def test_secrets_come_from_the_environment_where_it_is_named(connect, database, acme, monkeypatch):
    monkeypatch.setenv("NP_PUBLIC", PUBLIC_KEY)
    monkeypatch.setenv("NP_PRIVATE", PRIVATE_KEY)
    monkeypatch.setenv("NP_EVENTS", EVENT_SECRET)

    ran = connect(
        "never read", "--from-env", "public_key=NP_PUBLIC", "--from-env", "private_key=NP_PRIVATE", "--from-env",
        "event_secrets=NP_EVENTS",
    )  # fmt: skip

    assert (ran.code, accounts_of(database, SECRET_KEY)["notchpay"]["private_key"]) == (0, PRIVATE_KEY)


@pytest.mark.parametrize(
    ("lines", "arguments", "sentence"),
    [
        ("", (), "public_key, private_key, event_secrets is missing"),
        (PRIVATE_KEY, (), "standard input takes a line name=value for each of public_key, private_key, event_secrets"),
        (LINES + f"private_key={PRIVATE_KEY}", (), "standard input takes a line name=value for each of"),
        (LINES + "secret_key=sk_test_1", (), "notchpay has no secret_key"),
        (LINES.replace(PUBLIC_KEY, "pk.Y2xlYXI"), (), "public_key is a key for live payments, and the merchant is a test one"),
        (LINES.replace(PRIVATE_KEY, PUBLIC_KEY), (), "private_key does not begin as notchpay’s test keys do"),
        ("", ("--from-env", "public_key=NOT_SET"), "public_key, private_key, event_secrets is missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_without_a_secret_and_stores_nothing(
    connect, database, notchpay, acme, lines, arguments, sentence
):
    ran = connect(lines, *arguments)

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert sentence in ran.err
    assert not any(secret in ran.err for secret in SHOWN_NEVER)
    assert (accounts_of(database, SECRET_KEY), notchpay.requested) == ({}, [])


def test_variable_without_a_name_is_wrong_usage_and_is_not_repeated(connect, notchpay, acme):
    ran = connect("", "--from-env", PRIVATE_KEY)

    assert (ran.code, ran.out) == (2, "")
    assert "--from-env takes name=VARIABLE" in ran.err
    assert PRIVATE_KEY not in ran.err


def test_test_key_never_serves_a_live_merchant(connect, database, shop):
    ran = connect(LINES, slug="shop")

    assert (ran.code, "public_key is a key for test payments" in ran.err) == (1, True)
    assert accounts_of(database, SECRET_KEY) == {}


def test_key_that_the_gateway_refuses_stores_nothing(connect, database, acme):
    ran = connect(LINES.replace(PUBLIC_KEY, "pk_test.another"))

    assert (ran.code, "Notch Pay does not answer, or refuses the key; nothing was changed" in ran.err) == (1, True)
    assert accounts_of(database, SECRET_KEY) == {}


def test_offline_sends_no_request(connect, database, notchpay, acme):
    ran = connect(LINES.replace(PUBLIC_KEY, "pk_test.another"), "--offline")

    assert (ran.code, notchpay.requested) == (0, [])
    assert accounts_of(database, SECRET_KEY)["notchpay"]["public_key"] == "pk_test.another"


def test_stripe_account_is_stored_beside_and_used_from_then_on(connect, database, acme):
    connect(LINES)

    ran = connect("secret_key=sk_test_51\nevent_secrets=whsec_1,whsec_2\n", "--offline", gateway="stripe")

    assert ran.code == 0
    assert sorted(accounts_of(database, SECRET_KEY)) == ["notchpay", "stripe"]
    with database.read() as reader:
        assert reader.execute(sa.select(Merchant.gateway)).scalar() == "stripe"


def test_sandbox_needs_no_secrets_and_never_serves_a_live_merchant(connect, database, acme, shop, monkeypatch):
    missing = connect("", gateway="sandbox")
    monkeypatch.setenv("PORTAL_SANDBOX_URL", "http://127.0.0.1:9")
    offline = connect("", "--offline", gateway="sandbox")
    live = connect("", "--offline", gateway="sandbox", slug="shop")

    assert (missing.code, "SANDBOX_URL is not set" in missing.err) == (1, True)
    assert (offline.code, "its events will not come" in offline.err) == (0, True)
    assert accounts_of(database, SECRET_KEY)["sandbox"]["secret_key"] == "sk_sandbox_acme"
    assert (live.code, "live merchant never uses the sandbox" in live.err) == (1, True)


def test_unknown_merchant_and_gateway_are_refused(connect, acme):
    assert "there is no merchant nope" in connect(LINES, slug="nope").err
    assert connect(LINES, gateway="paypal").code == 2


def test_gateway_cannot_be_left_while_an_outcome_is_unknown(connect, database, services: Services):
    account = make_account(services)
    account.payment(status="processing", next_check_at=services.clock.now())
    refund_id = account.refund(account.payment(), 1000, "pending")
    with database.unit_of_work() as session:
        session.execute(sa.update(Refund).where(Refund.id == refund_id).values(next_check_at=services.clock.now()))

    ran = connect(LINES)

    assert ran.code == 1
    assert "1 payments and 1 refunds of acme have no outcome yet, and only sandbox can tell it" in ran.err
    assert accounts_of(database, SECRET_KEY) == {}


def test_methods_saved_at_another_gateway_are_expired_until_it_is_used_again(connect, database, services: Services):
    account = make_account(services)
    account.method()
    account.method(status="removed", fingerprint="gone")

    def states() -> list[str]:
        with database.read() as reader:
            return sorted(reader.execute(sa.select(PaymentMethod.status)).scalars())

    assert connect(LINES).code == 0
    assert states() == ["expired", "removed"]
    with database.unit_of_work() as session:
        update_methods_for_gateway(session, account.scope.merchant_id, "sandbox", actor=OPERATOR, at=datetime.now(UTC))
    assert states() == ["active", "removed"]


def test_card_that_was_saved_again_at_another_gateway_is_one_method_after_the_return(services: Services):
    """A setup that was begun there came to its end meanwhile."""
    account = make_account(services)
    account.method(is_default=True, fingerprint="fp-1")
    facts = MethodDetails("card", "visa", "4242", 12, 2030, fingerprint="fp-1", token="tok_2")
    with services.database.unit_of_work() as session:
        session.execute(sa.update(Merchant).values(gateway="stripe"))
        update_methods_for_gateway(
            session, account.scope.merchant_id, "stripe", actor=OPERATOR, at=services.clock.now()
        )
        later = services.clock.now() + timedelta(seconds=1)
        newer = remember_method(session, account.scope, "sandbox", facts, actor=CUSTOMER, at=later)

    with services.database.unit_of_work() as session:
        assert {row.status for row in session.execute(sa.select(PaymentMethod.status))} == {"expired"}
        update_methods_for_gateway(
            session, account.scope.merchant_id, "sandbox", actor=OPERATOR, at=services.clock.now()
        )
        statement = sa.select(PaymentMethod.id).where(PaymentMethod.status == "active")
        assert list(session.execute(statement).scalars()) == [newer]


def test_gateway_can_be_left_while_a_complete_refund_is_checked_again(connect, database, services: Services):
    account = make_account(services)
    done = account.refund(account.payment(), 1000)
    account.change(Refund, done, next_check_at=services.clock.now())

    assert connect(LINES).code == 0


def test_gateway_can_be_left_once_every_outcome_is_known(connect, services: Services):
    account = make_account(services)
    account.refund(account.payment(), 1000)

    assert connect(LINES).code == 0


def test_keys_are_changed_while_payments_are_under_way_at_the_same_gateway(connect, services: Services):
    account = make_account(services)
    account.payment(status="processing", gateway="notchpay", next_check_at=services.clock.now())

    assert connect(LINES).code == 0


def test_keys_of_another_account_are_refused_while_payments_are_under_way_at_the_one_before(
    connect, database, services: Services
):
    """The other account has never heard of an order that was lost, and would be given it anew."""
    account = make_account(services)
    account.payment(status="processing", gateway="notchpay", next_check_at=services.clock.now())
    account.payment(gateway="notchpay", gateway_reference="trx.elsewhere")

    ran = connect(LINES)

    assert ran.code == 1 and "so it may be another one" in ran.err
    assert accounts_of(database, SECRET_KEY) == {}
    assert connect(LINES, "--offline").code == 0, "offline the account cannot be checked, so that it is accepted"


def test_keys_of_the_same_account_are_accepted_while_payments_are_under_way(
    connect, notchpay: NotchPayServer, services: Services
):
    account = make_account(services)
    known = account.payment(gateway="notchpay", gateway_reference="trx.elsewhere", currency="XAF")
    ordered = {"amount": 5000, "currency": "XAF", "reference": known, "customer": {"email": "a@b.example"}}
    initialised = notchpay.books.initialise(ordered)
    account.change(Payment, known, gateway_reference=initialised["transaction"]["reference"])
    account.payment(status="processing", gateway="notchpay", next_check_at=services.clock.now())

    assert connect(LINES).code == 0


# --- event secrets overlap ---


def test_new_event_secret_counts_beside_the_old_until_it_is_left_out(connect, database, acme):
    connect(LINES)
    new = LINES.replace(EVENT_SECRET, "hsk_test.new")

    both = connect(new, "--keep-event-secrets")
    stored = accounts_of(database, SECRET_KEY)["notchpay"]["event_secrets"]
    alone = connect(new)

    assert (both.code, alone.code) == (0, 0)
    assert stored == f"hsk_test.new,{EVENT_SECRET}"
    assert accounts_of(database, SECRET_KEY)["notchpay"]["event_secrets"] == "hsk_test.new"


def test_keeping_what_no_key_opens_fails_closed(connect, database, acme, monkeypatch):
    connect(LINES)
    monkeypatch.setenv("PORTAL_SECRET_KEY", NEW_KEY)

    ran = connect(LINES, "--keep-event-secrets")

    assert (ran.code, "cannot be read with this installation's SECRET_KEY" in ran.err) == (1, True)
    assert accounts_of(database, SECRET_KEY)["notchpay"]["event_secrets"] == EVENT_SECRET


# --- list ---


def test_list_shows_accounts_and_no_secret(connect, commands, database, acme, monkeypatch):
    connect(LINES)
    connect("secret_key=sk_test_51\nevent_secrets=whsec_1,whsec_2\n", "--offline", gateway="stripe")

    ran = commands.run("gateway", "list")
    monkeypatch.setenv("PORTAL_SECRET_KEY", f"{NEW_KEY},{SECRET_KEY}")
    older = commands.run("gateway", "list")
    monkeypatch.setenv("PORTAL_SECRET_KEY", NEW_KEY)
    lost = commands.run("gateway", "list")

    first, second = ran.out.splitlines()
    assert first.startswith("acme (test)  notchpay  unused  since 20")
    assert first.endswith("opens with event_secrets (1), private_key, public_key")
    assert second.startswith("acme (test)  stripe  used  since 20")
    assert second.endswith("opens with event_secrets (2), secret_key")
    assert all(line.endswith("encrypted with an older key") for line in older.out.splitlines())
    assert all(line.endswith("no key of SECRET_KEY opens it") for line in lost.out.splitlines())
    assert not any(secret in ran.out + older.out + lost.out for secret in (*SHOWN_NEVER, "whsec", "sk_test"))


# --- rotate ---


def test_rotation_leaves_the_old_key_behind_and_changes_nothing_again(
    connect, commands, database, acme, settings: Settings, monkeypatch
):
    connect(LINES)
    connect("", "--offline", gateway="sandbox")
    before = accounts_of(database, SECRET_KEY)
    monkeypatch.setenv("PORTAL_SECRET_KEY", f"{NEW_KEY},{SECRET_KEY}")

    first = commands.run("gateway", "rotate")
    again = commands.run("gateway", "rotate")

    assert (first.code, first.out) == (0, "2 accounts encrypted anew, 0 were already\n")
    assert (again.code, again.out) == (0, "0 accounts encrypted anew, 2 were already\n")
    assert accounts_of(database, NEW_KEY) == before
    with pytest.raises(SecretsUnreadable):
        AccountGateways(database, settings).find(acme)


def test_servers_that_know_both_keys_serve_before_and_after_the_rotation(
    connect, commands, database, acme, settings: Settings, monkeypatch
):
    connect(LINES)
    both = Settings.load({"PORTAL_SECRET_KEY": f"{NEW_KEY},{SECRET_KEY}", "PORTAL_DATABASE_URL": settings.database_url})

    before = AccountGateways(database, both).find(acme)
    monkeypatch.setenv("PORTAL_SECRET_KEY", f"{NEW_KEY},{SECRET_KEY}")
    commands.run("gateway", "rotate")
    after = AccountGateways(database, both).find(acme)

    assert isinstance(before, NotchPayGateway)
    assert isinstance(after, NotchPayGateway)


def test_account_that_no_key_opens_is_named_and_the_others_are_rotated(
    connect, commands, database, acme, services: Services, settings: Settings, monkeypatch
):
    connect(LINES)
    make_account(services, "lost")
    with database.read() as reader:
        lost = find_merchant(reader, "lost")
    assert lost is not None
    with database.unit_of_work() as session:
        connect_gateway(
            session, lost, "sandbox", {"secret_key": "x"}, keys=[b"gone" * 10], actor=OPERATOR, at=datetime.now(UTC)
        )
    monkeypatch.setenv("PORTAL_SECRET_KEY", f"{NEW_KEY},{SECRET_KEY}")

    ran = commands.run("gateway", "rotate")

    assert (ran.code, ran.out) == (1, "1 accounts encrypted anew, 0 were already\n")
    assert ran.err == "portal: no key of SECRET_KEY opens the account of lost: connect it again\n"


def test_each_rotation_is_one_act_in_the_audit(connect, commands, database, acme, monkeypatch):
    connect(LINES)
    monkeypatch.setenv("PORTAL_SECRET_KEY", f"{NEW_KEY},{SECRET_KEY}")

    commands.run("gateway", "rotate")
    commands.run("gateway", "rotate")

    with database.read() as reader:
        acts = reader.execute(
            sa.select(AuditEntry.action, AuditEntry.object_id).where(AuditEntry.action.like("gateway.%"))
        )
        assert sorted(acts) == [("gateway.connected", "notchpay"), ("gateway.secrets_rotated", "notchpay")]


# --- what the rest of the portal makes of an account ---


def test_stored_key_of_the_other_mode_stops_payments_and_is_named_by_the_doctor(
    connect, commands, database, acme, settings: Settings
):
    connect(LINES)
    with database.unit_of_work() as session:
        session.execute(sa.update(Merchant).where(Merchant.id == acme).values(mode="live"))

    doctor = commands.run("doctor")

    assert "acme (live): public_key is a key for test payments, and the merchant is a live one" in doctor.out


def test_sandbox_merchant_pays_through_the_sandbox_as_before(connect, database, acme, settings: Settings):
    connect("", "--offline", gateway="sandbox")
    with_sandbox = settings.model_copy(update={"sandbox_url": "http://127.0.0.1:9"})

    assert isinstance(AccountGateways(database, with_sandbox).find(acme), SandboxGateway)
    assert AccountGateways(database, settings).find(acme) is None


@pytest.mark.parametrize("arguments", [("connect", "acme", "sandbox"), ("list",), ("rotate",)], ids=" ".join)
def test_nothing_is_done_on_a_schema_that_is_not_current(bare_database, capsys, monkeypatch, arguments):
    monkeypatch.setenv("PORTAL_DATABASE_URL", bare_database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)

    ran = Commands(capsys).run("gateway", *arguments)

    assert (ran.code, ran.err) == (1, "portal: the database's schema is not current: run `portal db upgrade`\n")
