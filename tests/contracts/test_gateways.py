"""What every gateway promises of charges, prompts, pages, setups and cancelling, each against its own bench."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from portal.gateways.contract import FAILURE_CODES, Outcome, State
from portal.money import Money
from tests.support.gateway_cases import each_act, each_bench, each_kind
from tests.support.gateway_orders import OTHER_PAYMENT, PAYMENT, SETUP, Deed, address_of

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
CALLED_OFF = {"payer_canceled", "page_canceled"}


@each_bench()
def test_bench_has_the_capabilities_of_its_gateway(bench):
    assert bench.capabilities == bench.gateway.capabilities


# --- one reference, one charge ---


@each_act()
def test_order_given_twice_is_carried_out_once(bench, orders, act):
    deed = Deed.prepare(act, orders)

    first, again = deed.give(), deed.give()

    if act == "page" and not bench.tells_pages_again:
        assert isinstance(first, Outcome)
        first = replace(first, state=State.PENDING, action_url=None, page_reference=None)
    assert again == first
    assert len(bench.ledger()) == (0 if act in ("page", "setup") else 1)
    if act == "refund":
        assert first.state in (State.SUCCEEDED, State.PENDING)
        assert len({row.amount for row in bench.ledger()} | {bench.refunded()}) == 1


@each_act("charge", "prompt")
def test_order_given_by_four_at_once_is_one_charge(bench, orders, act):
    deed = Deed.prepare(act, orders)

    with ThreadPoolExecutor(4) as pool:
        outcomes = [future.result() for future in [pool.submit(deed.give) for _ in range(4)]]

    assert len(bench.ledger()) == 1
    assert {outcome.state for outcome in outcomes} <= {deed.ask().state, State.UNKNOWN}


@each_act("charge", "prompt")
def test_key_that_was_forgotten_charges_nobody_twice_when_the_caller_asks_first(bench, orders, act):
    deed = Deed.prepare(act, orders)
    deed.give()
    bench.settle(PAYMENT)

    bench.forget_keys()

    assert deed.ask().state is State.SUCCEEDED
    assert [row.state for row in bench.ledger()] == ["succeeded"]


@each_bench(able=lambda able: able.saved_methods, like=lambda bench: bench.is_unique_by_reference)
def test_order_given_again_after_its_key_was_forgotten_is_looked_up(bench, orders):
    deed = Deed.prepare("charge", orders)
    deed.give()
    bench.forget_keys()

    again = deed.give()

    assert again.state is State.SUCCEEDED
    assert len(bench.ledger()) == 1


@each_act()
def test_what_was_never_ordered_is_absent(bench, orders, act):
    deed = Deed.prepare(act, orders)

    assert deed.ask().state is State.ABSENT


@each_act("charge", "prompt", "page", "setup")
def test_words_of_any_length_and_script_stop_no_order(bench, orders, act):
    title = "Facture n° 7 <b> \U0001f469\u200d\U0001f4bb \u200fمی\u200cخواهم\t" + "x" * 3000
    wordy = replace(orders, description=title, payee="Åsa & Söhne " + "N" * 243)

    outcome = Deed.prepare(act, wordy).give()

    assert outcome.state in (State.SUCCEEDED, State.PENDING, State.REQUIRES_ACTION)


# --- amounts ---


@each_bench()
def test_amounts_are_told_in_the_providers_own_units(bench, orders):
    references = [f"{PAYMENT[:-2]}{number:02}" for number in range(len(bench.amounts))]

    taken = [
        orders.take(reference, money=money) for reference, (money, _) in zip(references, bench.amounts, strict=True)
    ]

    assert [(row.reference, row.currency, row.amount) for row in bench.ledger()] == [
        (reference, money.currency, told) for reference, (money, told) in zip(references, bench.amounts, strict=True)
    ]
    assert [outcome.money for outcome in taken] == [money for money, _ in bench.amounts]


@each_act("charge", "prompt", "page")
def test_amount_that_the_provider_does_not_take_proves_that_nothing_began(bench, orders, act):
    order = {"charge": orders.charge, "prompt": orders.prompt, "page": orders.page}[act]

    outcome = order(money=bench.refused_money)

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "amount_unsupported")
    assert [row for row in bench.ledger() if row.state != "failed"] == []


# --- saved methods ---


@each_kind("card", lambda bench: bench.cards, lambda able: able.saved_methods)
def test_saved_method_ends_as_its_bank_says(bench, orders, card):
    outcome = orders.charge(card=card)

    assert (outcome.state, outcome.failure_code) == CARD_ENDS[card]
    assert outcome.reference == PAYMENT
    if card != "unknown":
        assert outcome.money == bench.money
        assert orders.look_up() == outcome
    assert [row.state for row in bench.ledger() if row.state == "succeeded"] == ["succeeded"] * (card == "good")


@each_kind("card", lambda bench: tuple({"careful"} & set(bench.cards)), lambda able: able.saved_methods)
@pytest.mark.parametrize("recognised", [True, False])
def test_3d_secure_decides(bench, orders, card, recognised):
    outcome = orders.charge(card=card)

    bench.answer_challenge(address_of(outcome), recognised=recognised)

    ended = orders.look_up()
    assert (ended.state, ended.failure_code) == (
        (State.SUCCEEDED, None) if recognised else (State.FAILED, "authentication_failed")
    )


# --- telephones ---


@each_kind("telephone", lambda bench: bench.telephones, lambda able: able.prompt_channels)
def test_telephone_is_asked_and_its_answer_is_found(bench, orders, telephone):
    asked = orders.prompt(kind=telephone)
    assert (asked.state, asked.reference, asked.money) == (State.PENDING, PAYMENT, bench.money)

    bench.settle(PAYMENT)

    ended = orders.look_up()
    assert (ended.state, ended.failure_code) == TELEPHONE_ENDS[telephone]


@each_bench(able=lambda able: able.prompt_channels)
def test_method_of_a_prompt_is_mobile_money_and_masks_its_number(bench, orders):
    _, phone = bench.telephone("good")
    orders.prompt()
    bench.settle(PAYMENT)

    method = orders.look_up().method

    assert method is not None
    assert method.type == "mobile_money"
    assert phone not in repr(method)
    assert phone[4:] not in repr(method)


@each_bench(able=lambda able: able.prompt_channels and able.saved_methods)
@pytest.mark.parametrize("save", [True, False])
def test_telephone_is_kept_only_when_it_was_asked_for(bench, orders, save):
    orders.prompt(save=save)
    bench.settle(PAYMENT)

    method = orders.look_up().method

    assert method is not None
    assert (method.token is not None) == save
    if method.token:
        assert orders.charge(OTHER_PAYMENT, token=method.token).state is State.PENDING


@each_bench(able=lambda able: able.prompt_channels)
def test_channel_or_number_that_the_provider_does_not_know_proves_that_nothing_began(bench, orders):
    bench.telephone = lambda _kind: ("xx.nowhere", "+99")

    outcome = orders.prompt()

    assert (outcome.state, outcome.failure_code) == (State.FAILED, "method_invalid")
    assert [row for row in bench.ledger() if row.state != "failed"] == []


@each_bench(able=lambda able: able.prompt_channels and able.cancel)
def test_two_prompts_both_approved_are_both_told(bench, orders):
    orders.prompt(kind="silent")
    orders.cancel()
    orders.prompt(OTHER_PAYMENT)
    bench.settle(OTHER_PAYMENT)
    if bench.approves_late:
        bench.approve_late(PAYMENT)

    first, second = orders.look_up(), orders.look_up(OTHER_PAYMENT)

    assert second.state is State.SUCCEEDED
    assert first.state is (State.SUCCEEDED if bench.approves_late else State.FAILED)


# --- pages ---


@each_bench(able=lambda able: able.hosted_page)
def test_page_that_is_paid_on_is_a_charge(bench, orders):
    opened = orders.page()
    assert orders.look_up(known=opened).action_url == opened.action_url

    bench.pay_page(address_of(opened), "good")

    paid = orders.look_up()
    assert (paid.state, paid.reference, paid.money) == (State.SUCCEEDED, PAYMENT, bench.money)
    assert paid.method is not None
    assert paid.method.token is None
    assert [(row.reference, row.state) for row in bench.ledger()] == [(PAYMENT, "succeeded")]


@each_bench(able=lambda able: able.hosted_page and able.saved_methods)
def test_page_that_keeps_the_method_tells_a_token_that_can_be_charged(bench, orders):
    bench.pay_page(address_of(orders.page(save=True)), "good")

    method = orders.look_up().method

    assert method is not None
    assert method.token is not None
    assert orders.charge(OTHER_PAYMENT, token=method.token).state is State.SUCCEEDED


@each_bench(able=lambda able: able.hosted_page and able.cancel)
def test_page_that_was_called_off_takes_nothing_any_more(bench, orders):
    address = address_of(orders.page())

    ended = orders.cancel()
    bench.pay_page(address, "good")

    assert (ended.state, ended.failure_code) == (State.FAILED, "page_canceled")
    assert orders.look_up().state is State.FAILED
    assert [row for row in bench.ledger() if row.state == "succeeded"] == []


@each_bench(able=lambda able: able.hosted_page)
def test_page_that_was_left_has_taken_nothing(bench, orders):
    bench.leave_page(address_of(orders.page()))

    left = orders.look_up()

    assert (left.state, left.failure_code) in ((State.FAILED, "page_canceled"), (State.REQUIRES_ACTION, None))


# --- keeping a method ---


@each_bench(able=lambda able: able.setup_page)
def test_setup_tells_a_method_that_can_be_charged_and_takes_nothing(bench, orders):
    opened = orders.setup()
    assert orders.look_up_setup().action_url == opened.action_url

    bench.finish_setup(address_of(opened), "good")

    kept = orders.look_up_setup()
    assert (kept.state, kept.reference, bench.ledger()) == (State.SUCCEEDED, SETUP, [])
    assert kept.method is not None
    assert (kept.method.type, kept.method.brand, kept.method.last4) == ("card", "visa", "4242")
    assert kept.method.exp_year
    assert kept.method.fingerprint
    assert orders.charge(token=kept.method.token or "").state is State.SUCCEEDED


@each_kind("card", lambda bench: bench.setup_cards, lambda able: able.setup_page)
def test_setup_keeps_what_its_bank_lets_be_kept(bench, orders, card):
    bench.finish_setup(address_of(orders.setup()), card)

    ended = orders.look_up_setup()

    assert (ended.state is State.SUCCEEDED) == (card != "declined")
    assert (ended.method is not None and ended.method.token is not None) == (card != "declined")
    assert ended.failure_code is None or ended.failure_code in FAILURE_CODES


@each_bench(able=lambda able: able.setup_page)
def test_setup_that_was_left_keeps_nothing(bench, orders):
    bench.leave_setup(address_of(orders.setup()))

    left = orders.look_up_setup()

    assert (left.state, left.failure_code) in ((State.FAILED, "page_canceled"), (State.REQUIRES_ACTION, None))
    assert left.method is None


@each_bench(able=lambda able: able.setup_page)
def test_same_card_kept_twice_has_one_fingerprint(bench, orders):
    fingerprints = set()
    for reference in (SETUP, SETUP[:-1] + "p"):
        bench.finish_setup(address_of(orders.setup(reference)), "good")
        method = orders.look_up_setup(reference).method
        assert method is not None
        fingerprints.add(method.fingerprint)

    assert len(fingerprints) == 1


@each_bench(able=lambda able: able.setup_page)
def test_method_that_was_detached_cannot_be_charged(bench, orders):
    token = bench.token("good")

    assert [bench.gateway.detach(token), bench.gateway.detach(token)] == [True, True]
    assert bench.gateway.detach(bench.token("unknown"))

    outcome = orders.charge(token=token)
    assert (outcome.state, outcome.failure_code) == (State.FAILED, "method_invalid")


# --- calling off ---


@each_bench(able=lambda able: able.cancel)
def test_calling_off_what_was_paid_tells_that_it_was_paid(bench, orders):
    orders.take()

    assert orders.cancel().state is State.SUCCEEDED
    assert [row.state for row in bench.ledger()] == ["succeeded"]


@each_bench(able=lambda able: able.cancel)
def test_calling_off_what_was_never_ordered_is_absent(bench, orders):
    assert orders.cancel().state is State.ABSENT


@each_bench(able=lambda able: able.cancel and able.prompt_channels, like=lambda bench: bench.calls_off_prompts)
def test_prompt_that_was_called_off_ends_without_money(bench, orders):
    orders.prompt(kind="silent")

    ended = orders.cancel()

    assert ended.state is State.FAILED
    assert ended.failure_code in CALLED_OFF
    assert orders.cancel() == ended
    assert [row.state for row in bench.ledger()] == ["canceled"]


@each_bench(able=lambda able: able.cancel and able.prompt_channels, like=lambda bench: bench.approves_late)
def test_prompt_that_is_approved_after_it_was_called_off_is_told_as_paid(bench, orders):
    orders.prompt(kind="silent")
    orders.cancel()

    bench.approve_late(PAYMENT)

    late = orders.look_up()
    assert (late.state, late.money) == (State.SUCCEEDED, Money(bench.money.amount, bench.money.currency))


@each_kind("card", lambda bench: tuple({"careful"} & set(bench.cards)), lambda able: able.cancel and able.saved_methods)
def test_3d_secure_that_was_called_off_ends_without_money(bench, orders, card):
    address = address_of(orders.charge(card=card))

    ended = orders.cancel()
    bench.answer_challenge(address, recognised=True)

    assert ended.state is State.FAILED
    assert ended.failure_code in CALLED_OFF
    assert orders.look_up().state is State.FAILED
