"""What every gateway promises of charges, prompts, pages, setups and cancelling, each against its own bench."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from portal.gateways.contract import FAILURE_CODES, ChargeOutcome, State
from portal.money import Money
from tests.support.gateway_calls import OTHER_PAYMENT, PAYMENT, SETUP, PreparedRequest, address_of
from tests.support.gateway_cases import each_bench, each_kind, each_operation

CARD_ENDS = {
    "good": (State.SUCCEEDED, None),
    "declined": (State.FAILED, "card_declined"),
    "poor": (State.FAILED, "insufficient_funds"),
    "expired": (State.FAILED, "expired_card"),
    "careful": (State.REQUIRES_ACTION, None),
    "unknown": (State.FAILED, "method_invalid"),
}
TELEPHONE_ENDS = {
    "good": (State.SUCCEEDED, None),
    "poor": (State.FAILED, "insufficient_funds"),
    "failing": (State.FAILED, "processing_error"),
    "silent": (State.PENDING, None),
    "canceling": (State.FAILED, "payer_canceled"),
}
CANCELLED = {"payer_canceled", "page_canceled"}


@each_bench()
def test_bench_has_the_capabilities_of_its_gateway(bench):
    assert bench.capabilities == bench.gateway.capabilities


# --- one reference, one charge ---


@each_operation()
def test_request_sent_twice_is_carried_out_once(bench, caller, operation):
    prepared = PreparedRequest.prepare(operation, caller)

    first, again = prepared.send(), prepared.send()

    if operation == "page" and not bench.returns_pages_again:
        assert isinstance(first, ChargeOutcome)
        first = replace(first, state=State.PENDING, action_url=None, page_reference=None)
    assert again == first
    assert len(bench.ledger()) == (0 if operation in ("page", "setup") else 1)
    if operation == "refund":
        assert first.state in (State.SUCCEEDED, State.PENDING)
        assert len({row.amount for row in bench.ledger()} | {bench.refunded()}) == 1


@each_operation("charge", "prompt")
def test_request_sent_by_four_at_once_is_one_charge(bench, caller, operation):
    prepared = PreparedRequest.prepare(operation, caller)

    with ThreadPoolExecutor(4) as pool:
        outcomes = [future.result() for future in [pool.submit(prepared.send) for _ in range(4)]]

    assert len(bench.ledger()) == 1
    assert {outcome.state for outcome in outcomes} <= {prepared.look_up().state, State.UNKNOWN}


@each_operation("charge", "prompt")
def test_expired_idempotency_key_charges_nobody_twice_when_the_caller_looks_up_first(bench, caller, operation):
    prepared = PreparedRequest.prepare(operation, caller)
    prepared.send()
    bench.settle(PAYMENT)

    bench.expire_keys()

    assert prepared.look_up().state is State.SUCCEEDED
    assert [row.state for row in bench.ledger()] == ["succeeded"]


@each_bench(able=lambda able: able.saved_methods, like=lambda bench: bench.is_unique_by_reference)
def test_request_resent_after_its_key_expired_is_looked_up(bench, caller):
    prepared = PreparedRequest.prepare("charge", caller)
    prepared.send()
    bench.expire_keys()

    again = prepared.send()

    assert again.state is State.SUCCEEDED
    assert len(bench.ledger()) == 1


@each_operation()
def test_charge_that_was_never_requested_is_absent(bench, caller, operation):
    prepared = PreparedRequest.prepare(operation, caller)

    assert prepared.look_up().state is State.ABSENT


@each_operation("charge", "prompt", "page", "setup")
def test_text_of_any_length_and_script_is_accepted(bench, caller, operation):
    title = "Facture n° 7 <b> \U0001f469\u200d\U0001f4bb \u200fمی\u200cخواهم\t" + "x" * 3000
    long_texts = replace(caller, description=title, payee="Åsa & Söhne " + "N" * 243)

    outcome = PreparedRequest.prepare(operation, long_texts).send()

    assert outcome.state in (State.SUCCEEDED, State.PENDING, State.REQUIRES_ACTION)


# --- amounts ---


@each_bench()
def test_amounts_are_sent_in_the_providers_units(bench, caller):
    references = [f"{PAYMENT[:-2]}{number:02}" for number in range(len(bench.amounts))]

    charged = [
        caller.take(reference, money=money) for reference, (money, _) in zip(references, bench.amounts, strict=True)
    ]

    assert [(row.reference, row.currency, row.amount) for row in bench.ledger()] == [
        (reference, money.currency, expected)
        for reference, (money, expected) in zip(references, bench.amounts, strict=True)
    ]
    assert [outcome.money for outcome in charged] == [money for money, _ in bench.amounts]


@each_operation("charge", "prompt", "page")
def test_amount_that_the_provider_refuses_is_a_proven_failure(bench, caller, operation):
    order = {"charge": caller.charge, "prompt": caller.prompt, "page": caller.page}[operation]

    outcome = order(money=bench.refused_money)

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "amount_unsupported")
    assert [row for row in bench.ledger() if row.state != "failed"] == []


# --- saved methods ---


@each_kind("card", lambda bench: bench.cards, lambda able: able.saved_methods)
def test_charge_of_a_saved_method_ends_as_its_bank_decides(bench, caller, card):
    outcome = caller.charge(card=card)

    assert (outcome.state, outcome.failure_code) == CARD_ENDS[card]
    assert outcome.reference == PAYMENT
    if card != "unknown":
        assert outcome.money == bench.money
        assert caller.look_up() == outcome
    assert [row.state for row in bench.ledger() if row.state == "succeeded"] == ["succeeded"] * (card == "good")


@each_kind("card", lambda bench: tuple({"careful"} & set(bench.cards)), lambda able: able.saved_methods)
@pytest.mark.parametrize("recognised", [True, False])
def test_3d_secure_decides(bench, caller, card, recognised):
    outcome = caller.charge(card=card)

    bench.answer_challenge(address_of(outcome), recognised=recognised)

    ended = caller.look_up()
    assert (ended.state, ended.failure_code) == (
        (State.SUCCEEDED, None) if recognised else (State.FAILED, "authentication_failed")
    )


# --- telephones ---


@each_kind("telephone", lambda bench: bench.telephones, lambda able: able.prompt_channels)
def test_prompt_is_sent_and_its_approval_is_found(bench, caller, telephone):
    looked_up = caller.prompt(kind=telephone)
    assert (looked_up.state, looked_up.reference, looked_up.money) == (State.PENDING, PAYMENT, bench.money)

    bench.settle(PAYMENT)

    ended = caller.look_up()
    assert (ended.state, ended.failure_code) == TELEPHONE_ENDS[telephone]


@each_bench(able=lambda able: able.prompt_channels)
def test_method_of_a_prompt_is_mobile_money_and_masks_its_number(bench, caller):
    _, phone = bench.telephone("good")
    caller.prompt()
    bench.settle(PAYMENT)

    method = caller.look_up().method

    assert method is not None
    assert method.type == "mobile_money"
    assert phone not in repr(method)
    assert phone[4:] not in repr(method)


@each_bench(able=lambda able: able.prompt_channels and able.saved_methods)
@pytest.mark.parametrize("save", [True, False])
def test_telephone_is_saved_only_when_requested(bench, caller, save):
    caller.prompt(save=save)
    bench.settle(PAYMENT)

    method = caller.look_up().method

    assert method is not None
    assert (method.token is not None) == save
    if method.token:
        assert caller.charge(OTHER_PAYMENT, token=method.token).state is State.PENDING


@each_bench(able=lambda able: able.prompt_channels)
def test_channel_or_number_that_the_provider_refuses_is_a_proven_failure(bench, caller):
    bench.telephone = lambda _kind: ("xx.nowhere", "+99")

    outcome = caller.prompt()

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "method_invalid")
    assert [row for row in bench.ledger() if row.state != "failed"] == []


@each_bench(able=lambda able: able.prompt_channels and able.cancel)
def test_two_approved_prompts_are_both_found(bench, caller):
    caller.prompt(kind="silent")
    caller.cancel()
    caller.prompt(OTHER_PAYMENT)
    bench.settle(OTHER_PAYMENT)
    if bench.approves_late:
        bench.approve_late(PAYMENT)

    first, second = caller.look_up(), caller.look_up(OTHER_PAYMENT)

    assert second.state is State.SUCCEEDED
    assert first.state is (State.SUCCEEDED if bench.approves_late else State.FAILED)


# --- pages ---


@each_bench(able=lambda able: able.hosted_page)
def test_page_that_is_paid_on_is_a_charge(bench, caller):
    opened = caller.page()
    assert caller.look_up(known=opened).action_url == opened.action_url

    bench.pay_page(address_of(opened), "good")

    paid = caller.look_up()
    assert (paid.state, paid.reference, paid.money) == (State.SUCCEEDED, PAYMENT, bench.money)
    assert paid.method is not None
    assert paid.method.token is None
    assert [(row.reference, row.state) for row in bench.ledger()] == [(PAYMENT, "succeeded")]


@each_bench(able=lambda able: able.hosted_page and able.saved_methods)
def test_page_that_saves_the_method_returns_a_token_that_can_be_charged(bench, caller):
    bench.pay_page(address_of(caller.page(save=True)), "good")

    method = caller.look_up().method

    assert method is not None
    assert method.token is not None
    assert caller.charge(OTHER_PAYMENT, token=method.token).state is State.SUCCEEDED


@each_bench(able=lambda able: able.hosted_page and able.cancel)
def test_cancelled_page_takes_no_payment_any_more(bench, caller):
    address = address_of(caller.page())

    ended = caller.cancel()
    bench.pay_page(address, "good")

    assert (ended.state, ended.failure_code) == (State.FAILED, "page_canceled")
    assert caller.look_up().state is State.FAILED
    assert [row for row in bench.ledger() if row.state == "succeeded"] == []


@each_bench(able=lambda able: able.hosted_page)
def test_abandoned_page_has_charged_nothing(bench, caller):
    bench.leave_page(address_of(caller.page()))

    left = caller.look_up()

    assert (left.state, left.failure_code) in ((State.FAILED, "page_canceled"), (State.REQUIRES_ACTION, None))


# --- keeping a method ---


@each_bench(able=lambda able: able.setup_page)
def test_setup_returns_a_method_that_can_be_charged_and_charges_nothing(bench, caller):
    opened = caller.setup()
    assert caller.look_up_setup().action_url == opened.action_url

    bench.finish_setup(address_of(opened), "good")

    saved = caller.look_up_setup()
    assert (saved.state, saved.reference, bench.ledger()) == (State.SUCCEEDED, SETUP, [])
    assert saved.method is not None
    assert (saved.method.type, saved.method.brand, saved.method.last4) == ("card", "visa", "4242")
    assert saved.method.exp_year
    assert saved.method.fingerprint
    assert caller.charge(token=saved.method.token or "").state is State.SUCCEEDED


@each_kind("card", lambda bench: bench.setup_cards, lambda able: able.setup_page)
def test_setup_saves_a_card_only_if_its_bank_accepts_it(bench, caller, card):
    bench.finish_setup(address_of(caller.setup()), card)

    ended = caller.look_up_setup()

    assert (ended.state is State.SUCCEEDED) == (card != "declined")
    assert (ended.method is not None and ended.method.token is not None) == (card != "declined")
    assert ended.failure_code is None or ended.failure_code in FAILURE_CODES


@each_bench(able=lambda able: able.setup_page)
def test_abandoned_setup_saves_nothing(bench, caller):
    bench.leave_setup(address_of(caller.setup()))

    left = caller.look_up_setup()

    assert (left.state, left.failure_code) in ((State.FAILED, "page_canceled"), (State.REQUIRES_ACTION, None))
    assert left.method is None


@each_bench(able=lambda able: able.setup_page)
def test_same_card_saved_twice_has_one_fingerprint(bench, caller):
    fingerprints = set()
    for reference in (SETUP, SETUP[:-1] + "p"):
        bench.finish_setup(address_of(caller.setup(reference)), "good")
        method = caller.look_up_setup(reference).method
        assert method is not None
        fingerprints.add(method.fingerprint)

    assert len(fingerprints) == 1


@each_bench(able=lambda able: able.setup_page)
def test_method_that_was_detached_cannot_be_charged(bench, caller):
    token = bench.token("good")

    assert [bench.gateway.detach(token), bench.gateway.detach(token)] == [True, True]
    assert bench.gateway.detach(bench.token("unknown"))

    outcome = caller.charge(token=token)
    assert (outcome.state, outcome.failure_code) == (State.FAILED, "method_invalid")


# --- calling off ---


@each_bench(able=lambda able: able.cancel)
def test_cancelling_a_paid_charge_returns_it_as_paid(bench, caller):
    caller.take()

    assert caller.cancel().state is State.SUCCEEDED
    assert [row.state for row in bench.ledger()] == ["succeeded"]


@each_bench(able=lambda able: able.cancel)
def test_cancelling_an_unknown_charge_is_absent(bench, caller):
    assert caller.cancel().state is State.ABSENT


@each_bench(able=lambda able: able.cancel and able.prompt_channels, like=lambda bench: bench.cancels_prompts)
def test_cancelled_prompt_has_failed(bench, caller):
    caller.prompt(kind="silent")

    ended = caller.cancel()

    assert ended.state is State.FAILED
    assert ended.failure_code in CANCELLED
    assert caller.cancel() == ended
    assert [row.state for row in bench.ledger()] == ["canceled"]


@each_bench(able=lambda able: able.cancel and able.prompt_channels, like=lambda bench: bench.approves_late)
def test_prompt_that_is_approved_after_it_was_cancelled_is_returned_as_paid(bench, caller):
    caller.prompt(kind="silent")
    caller.cancel()

    bench.approve_late(PAYMENT)

    late = caller.look_up()
    assert (late.state, late.money) == (State.SUCCEEDED, Money(bench.money.amount, bench.money.currency))


@each_kind("card", lambda bench: tuple({"careful"} & set(bench.cards)), lambda able: able.cancel and able.saved_methods)
def test_cancelled_3d_secure_has_failed(bench, caller, card):
    address = address_of(caller.charge(card=card))

    ended = caller.cancel()
    bench.answer_challenge(address, recognised=True)

    assert ended.state is State.FAILED
    assert ended.failure_code in CANCELLED
    assert caller.look_up().state is State.FAILED
