"""Keeping a method without paying: entered on the gateway's page, looked up until it is known, kept once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy.exc import NoResultFound

from portal import signals
from portal.audit.models import AuditEntry
from portal.crash_points import CrashPoint
from portal.events.models import EventRecord
from portal.gateways.contract import MethodDetails, SetupOutcome, SetupRequest, State
from portal.method_users import METHOD_USERS
from portal.outbox.models import OutboxMessage
from portal.payment_methods.errors import NicknameTooLong, NicknameUnusable, SetupsUnavailable, TooManySetups
from portal.payment_methods.jobs import check_setups
from portal.payment_methods.models import PaymentMethod, PaymentMethodConsent, PaymentMethodSetup
from portal.payment_methods.operations.consents import Consent
from portal.payment_methods.operations.setups import SetupOptions, begin_setup, record_setup, resolve_setup
from portal.tenancy import Scope
from tests.support.actors import CUSTOMER
from tests.support.paying import Killed, PayingCustomer, killing_at
from tests.support.scripted_gateway import ABLE, VISA

MASTERCARD = MethodDetails("card", "mastercard", "5100", 4, 2031, fingerprint="fp-mc", token="tok_mc")
WORD = Consent("Acme may keep it.", "en", "203.0.113.7", "Mozilla/5.0")
PAGES = "http://127.0.0.1/acme/payment-methods/new"


@dataclass
class Desk:
    """Setups of the payer."""

    payer: PayingCustomer
    word: Consent = WORD

    def begin(self, *, crash_point: CrashPoint | None = None, scope: Scope | None = None, **wish: Any) -> str:
        services = self.payer.with_crash_point(crash_point) if crash_point else self.payer.services
        return begin_setup(
            services,
            scope or self.payer.scope,
            SetupOptions(**wish),
            consent=self.word,
            locale="en",
            pages_url=PAGES,
            actor=CUSTOMER,
        )

    def setup(self) -> PaymentMethodSetup:
        (setup,) = self.payer.rows(PaymentMethodSetup)
        assert isinstance(setup, PaymentMethodSetup)
        return setup

    def active(self) -> dict[str, PaymentMethod]:
        return {method.last4: method for method in self.payer.rows(PaymentMethod, status="active")}

    def acts(self) -> list[str]:
        return sorted(act.action for act in self.payer.rows(AuditEntry) if act.object_id.startswith("pm"))


@pytest.fixture
def desk(payer: PayingCustomer) -> Desk:
    return Desk(payer)


def test_method_is_added_by_the_person_who_consented_whoever_reports_it(desk: Desk) -> None:
    desk.word = replace(WORD, person_id="per_1")

    finish(desk, desk.begin())

    (event,) = desk.payer.rows(EventRecord, type="payment_method.added", actor_type="customer")
    assert (event.actor_id, event.actor_person) == (desk.payer.scope.customer_id, "per_1")


def finish(desk: Desk, setup_id: str, method: MethodDetails = MASTERCARD) -> None:
    """The customer enters the method at the gateway and comes back to the setup's page."""
    desk.payer.gateway.finish_setup(setup_id, method)
    resolve_setup(desk.payer.services, desk.payer.scope.merchant_id, setup_id)


def test_setup_is_opened_with_the_setups_id_as_reference(desk: Desk) -> None:
    setup_id = desk.begin()

    assert desk.payer.gateway.calls == [("setup", setup_id)]
    setup = desk.setup()
    assert (setup.status, setup.return_url) == ("requires_action", f"{PAGES}/{setup_id}")
    assert setup.action_url == f"http://localhost:9/setup/{setup_id}"


def test_method_entered_at_the_gateway_is_kept_with_its_consent(desk: Desk) -> None:
    setup_id = desk.begin(nickname="  Lena’s  card ")

    finish(desk, setup_id)

    method = desk.active()["5100"]
    assert (method.token, method.nickname, method.is_default) == ("tok_mc", "Lena’s card", False)
    (consent,) = desk.payer.rows(PaymentMethodConsent)
    assert (consent.setup_id, consent.payment_method_id) == (setup_id, method.id)
    assert (consent.wording, consent.locale, consent.network_address) == ("Acme may keep it.", "en", "203.0.113.7")
    assert desk.setup().next_check_at is None
    assert desk.acts() == [
        "payment_method.added",
        "payment_method.setup_started",
    ]


def test_return_without_the_gateways_word_keeps_nothing(desk: Desk) -> None:
    setup_id = desk.begin()

    resolve_setup(desk.payer.services, desk.payer.scope.merchant_id, setup_id)

    assert desk.setup().status == "requires_action"
    assert list(desk.active()) == ["4242"]


def test_same_outcome_from_page_and_worker_keeps_one_method(desk: Desk) -> None:
    setup_id = desk.begin()
    finish(desk, setup_id)

    for _ in range(2):
        with desk.payer.services.database.unit_of_work() as session:
            outcome = SetupOutcome(State.SUCCEEDED, setup_id, method=MASTERCARD)
            record_setup(
                session, METHOD_USERS, desk.payer.scope.merchant_id, setup_id, outcome, at=desk.payer.clock.now()
            )

    assert sorted(desk.active()) == ["4242", "5100"]
    assert desk.acts().count("payment_method.added") == 1


@pytest.mark.parametrize("label", ["setup.intent_committed", "setup.gateway_answered"])
def test_killed_while_opening_is_found_by_the_worker(desk: Desk, label: str) -> None:
    with pytest.raises(Killed):
        desk.begin(crash_point=killing_at(label))
    assert desk.setup().status == "processing"

    desk.payer.clock.advance(seconds=11)
    assert check_setups(desk.payer.services) == 1

    setup = desk.setup()
    assert setup.status == "requires_action"
    assert {reference for _, reference in desk.payer.gateway.calls} == {setup.id}
    finish(desk, setup.id)
    assert "5100" in desk.active()


def test_killed_while_asking_leaves_the_question_open(desk: Desk) -> None:
    setup_id = desk.begin()
    desk.payer.gateway.finish_setup(setup_id, MASTERCARD)
    broken = desk.payer.with_crash_point(killing_at("setup.looked_up"))
    with pytest.raises(Killed):
        resolve_setup(broken, desk.payer.scope.merchant_id, setup_id)

    desk.payer.clock.advance(seconds=11)
    check_setups(desk.payer.services)

    assert desk.setup().status == "complete"
    assert "5100" in desk.active()


def test_lost_answer_is_processing_and_not_opened_twice_at_once(desk: Desk) -> None:
    gateway = desk.payer.gateway
    gateway.open_setup = lambda request: SetupOutcome(State.UNKNOWN, request.reference)  # type: ignore[method-assign]
    setup_id = desk.begin()

    desk.payer.clock.advance(seconds=5)
    resolve_setup(desk.payer.services, desk.payer.scope.merchant_id, setup_id)

    assert desk.setup().status == "processing"


def test_setup_that_nobody_finishes_expires_and_a_late_return_still_counts(desk: Desk) -> None:
    setup_id = desk.begin()
    desk.payer.clock.advance(hours=3, seconds=1)

    check_setups(desk.payer.services)

    assert (desk.setup().status, desk.setup().next_check_at) == ("expired", None)
    finish(desk, setup_id)
    assert desk.setup().status == "complete"
    assert "5100" in desk.active()


@pytest.mark.parametrize(
    ("code", "status"),
    [("page_canceled", "canceled"), ("page_expired", "expired"), ("card_declined", "failed"), (None, "failed")],
)
def test_refusal_keeps_nothing_and_says_why(desk: Desk, code: str | None, status: str) -> None:
    setup_id = desk.begin()
    desk.payer.gateway.setups[setup_id] = SetupOutcome(State.FAILED, setup_id, failure_code=code)

    resolve_setup(desk.payer.services, desk.payer.scope.merchant_id, setup_id)

    assert (desk.setup().status, desk.setup().failure_code) == (status, code)
    assert list(desk.active()) == ["4242"]


@pytest.mark.parametrize(
    "outcome",
    [
        SetupOutcome(State.SUCCEEDED, "pms_of_somebody_else", method=MASTERCARD),
        SetupOutcome(State.SUCCEEDED, "", method=replace(MASTERCARD, token=None)),
        SetupOutcome(State.SUCCEEDED, ""),
    ],
)
def test_word_that_does_not_fit_keeps_nothing(desk: Desk, outcome: SetupOutcome) -> None:
    setup_id = desk.begin()
    desk.payer.gateway.setups[setup_id] = replace(outcome, reference=outcome.reference or setup_id)

    resolve_setup(desk.payer.services, desk.payer.scope.merchant_id, setup_id)

    assert desk.setup().status == "requires_action"
    assert list(desk.active()) == ["4242"]


def test_same_card_again_is_the_same_method_with_its_new_expiry(desk: Desk) -> None:
    setup_id = desk.begin()

    finish(desk, setup_id, replace(VISA, exp_year=2034))

    (method,) = desk.active().values()
    assert (method.id, method.exp_year) == (desk.payer.method_id, 2034)
    assert desk.payer.rows(OutboxMessage, kind="detach_method") == []


def test_same_card_without_an_expiry_keeps_the_one_it_has(desk: Desk) -> None:
    finish(desk, desk.begin(), replace(VISA, token="tok_visa_2", exp_month=None, exp_year=None))

    assert (desk.active()["4242"].exp_month, desk.active()["4242"].exp_year) == (12, 2030)


def test_card_entered_in_two_tabs_at_once_is_one_method(desk: Desk) -> None:
    setups = [desk.begin() for _ in range(4)]
    for setup_id in setups:
        desk.payer.gateway.finish_setup(setup_id, MASTERCARD)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: resolve_setup(desk.payer.services, desk.payer.scope.merchant_id, one), setups))

    assert sorted(desk.active()) == ["4242", "5100"]
    assert {setup.status for setup in desk.payer.rows(PaymentMethodSetup)} == {"complete"}
    assert desk.acts().count("payment_method.added") == 1


def test_old_token_of_the_same_card_is_forgotten_at_the_gateway(desk: Desk) -> None:
    finish(desk, desk.begin(), replace(VISA, token="tok_visa_2"))

    assert desk.active()["4242"].token == "tok_visa_2"
    (old,) = desk.payer.rows(PaymentMethod, status="removed")
    assert old.token == "tok_visa"
    (message,) = desk.payer.rows(OutboxMessage, kind="detach_method")
    assert message.payload == {"method": old.id}


def test_replacing_moves_the_default_and_removes_the_old_one(desk: Desk) -> None:
    old = desk.payer.method_id

    finish(desk, desk.begin(replaces=old))

    (method,) = desk.active().values()
    assert (method.last4, method.is_default) == ("5100", True)
    assert [message.payload for message in desk.payer.rows(OutboxMessage, kind="detach_method")] == [{"method": old}]


def test_replacing_a_card_by_itself_renews_it(desk: Desk) -> None:
    finish(desk, desk.begin(replaces=desk.payer.method_id), replace(VISA, exp_year=2034))

    (method,) = desk.active().values()
    assert (method.id, method.exp_year, method.is_default) == (desk.payer.method_id, 2034, True)


def test_wish_to_be_the_default_is_kept_until_the_method_comes(desk: Desk) -> None:
    finish(desk, desk.begin(make_default=True))

    methods = desk.active()
    assert (methods["5100"].is_default, methods["4242"].is_default) == (True, False)


def test_somebody_elses_method_is_not_replaced(desk: Desk, make_scope: Any) -> None:
    with pytest.raises(NoResultFound):
        desk.begin(replaces=desk.payer.method_id, scope=make_scope())

    assert desk.payer.gateway.calls == []


def test_gateway_without_a_page_for_it_is_never_called(desk: Desk) -> None:
    desk.payer.gateway.capabilities = replace(ABLE, setup_page=False)

    with pytest.raises(SetupsUnavailable):
        desk.begin()

    assert desk.payer.gateway.calls == []
    assert desk.payer.rows(PaymentMethodSetup) == []


@pytest.mark.parametrize(
    ("nickname", "fault"),
    [("x" * 41, NicknameTooLong), ("4242 4242 4242 4242", NicknameUnusable), ("a\x00b", NicknameUnusable)],
)
def test_name_that_cannot_be_kept_begins_nothing(desk: Desk, nickname: str, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        desk.begin(nickname=nickname)

    assert desk.payer.rows(PaymentMethodSetup) == []


def test_cards_cannot_be_tried_out_without_end(desk: Desk) -> None:
    most = desk.payer.services.settings.payment_attempts_per_customer_per_hour
    for _ in range(most):
        desk.begin()

    with pytest.raises(TooManySetups):
        desk.begin()

    desk.payer.clock.advance(hours=1, seconds=1)
    desk.begin()


def test_order_names_the_token_by_which_the_gateway_knows_the_customer(desk: Desk) -> None:
    requests: list[SetupRequest] = []
    opened = desk.payer.gateway.open_setup

    def note(request: SetupRequest) -> SetupOutcome:
        requests.append(request)
        return opened(request)

    desk.payer.gateway.open_setup = note  # type: ignore[method-assign]

    desk.begin()

    assert (requests[0].payer.known_token, requests[0].payee) == ("tok_visa", "Acme Software Inc.")


def test_host_receives_a_signal_of_a_kept_method_once(desk: Desk) -> None:
    received: list[str] = []

    def listen(_merchant: str, **ids: str) -> None:
        received.append(ids["payment_method_id"])

    with signals.payment_method_added.connected_to(listen):
        setup_id = desk.begin()
        finish(desk, setup_id)
        resolve_setup(desk.payer.services, desk.payer.scope.merchant_id, setup_id)

    assert received == [desk.active()["5100"].id]


def test_event_of_a_new_method_has_the_requested_nickname(desk: Desk) -> None:
    setup_id = desk.begin(nickname="Firm card")

    finish(desk, setup_id)

    (event,) = [row for row in desk.payer.rows(EventRecord) if row.type == "payment_method.added"]
    assert event.data["object"]["nickname"] == "Firm card"
