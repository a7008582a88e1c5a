"""What may be paid of invoices, and how a chosen amount divides over them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gateways.contract import ChargeLimits
from portal.payments.errors import (
    AmountNotDivisible,
    AmountTooHigh,
    AmountTooLow,
    AmountUnchargeable,
    CheckoutFault,
    CurrenciesMixed,
    DepositNotOffered,
    FirstPartTooSmall,
    InvoiceSettled,
    RestTooSmall,
    SplitNotAllowed,
)
from portal.payments.rules.amounts import (
    AmountRule,
    Due,
    Part,
    amount_rule,
    check_amount,
    currencies_of,
    least_first_part,
    part_ranges,
    price,
    price_choice,
    reprice_choice,
)
from portal.payments.rules.choices import Amount, Deposit, Exact, FirstPart, Full, Preset

LEFTS = st.lists(st.integers(1, 10**12), min_size=1, max_size=8)


@given(LEFTS, st.integers(1, 10**13), st.integers(0, 10**13))
def test_any_amount_divides_over_the_oldest_first_and_sums_to_itself(lefts: list[int], amount: int, credit: int):
    dues = [due(f"inv_{place}", left) for place, left in enumerate(lefts)]
    amount = min(amount, sum(lefts))

    pricing = price(dues, "USD", amount=amount, credit=credit)

    shares = [part.share for part in pricing.parts]
    assert sum(shares) == amount == pricing.credit + pricing.charge
    assert shares[:-1] == lefts[: len(shares) - 1]
    assert 0 < shares[-1] <= lefts[len(shares) - 1]
    assert pricing.credit == min(credit, amount)


def test_more_than_is_left_cannot_be_priced():
    with pytest.raises(AmountTooHigh):
        price([due("inv_1", 100)], "USD", amount=101)


def test_nothing_left_is_settled():
    with pytest.raises(InvoiceSettled):
        price([due("inv_1", 0)], "USD")


def test_invoice_of_which_nothing_is_left_takes_no_part():
    pricing = price([due("inv_1", 0), due("inv_2", 100)], "USD")

    assert pricing.parts == (Part("inv_2", 100, 100, 1),)
    assert (pricing.total, pricing.credit, pricing.charge) == (100, 0, 100)


def test_no_invoice_can_be_paid_in_no_currency():
    assert currencies_of([]) == ()


def test_currencies_are_never_mixed():
    dues = [due("inv_1", 100), due("inv_2", 100, currency="EUR")]

    assert currencies_of(dues) == ()
    with pytest.raises(CurrenciesMixed):
        price(dues, "USD")


def test_priced_invoices_are_paid_whole_in_a_currency_they_share():
    dues = [due("inv_1", 10000, prices={"EUR": 9000}), due("inv_2", 500, currency="EUR")]

    pricing = price(dues, "EUR")

    assert currencies_of(dues) == ("EUR",)
    assert [(part.share, part.price) for part in pricing.parts] == [(10000, 9000), (500, 500)]
    assert pricing.total == 9500


def test_own_currency_comes_before_those_that_it_is_priced_in():
    assert currencies_of([due("inv_1", 10000, prices={"XAF": 6000000, "EUR": 9000})]) == ("USD", "EUR", "XAF")


def test_in_another_currency_nothing_but_all_is_paid():
    rule = amount_rule([due("inv_1", 10000, amount_mode="editable", deposit=100, prices={"EUR": 9000})], "EUR")

    assert rule == AmountRule(9000)
    assert not rule.has_choice


def test_invoice_that_is_partly_paid_is_paid_on_in_its_own_currency_alone():
    assert currencies_of([due("inv_1", 100, prices={"EUR": 90}, is_untouched=False)]) == ("USD",)


def test_fixed_invoice_is_paid_in_full_or_not():
    rule = amount_rule([due("inv_1", 5000)], "USD")

    assert not rule.has_choice
    rule.check(5000)
    with pytest.raises(AmountTooLow):
        rule.check(4999)
    with pytest.raises(AmountTooHigh):
        rule.check(5001)


def test_editable_invoice_takes_what_lies_within_its_limits():
    rule = amount_rule(
        [due("inv_1", 5000, amount_mode="editable", minimum=1000, maximum=3000, presets=(500, 2000, 4000))], "USD"
    )

    assert (rule.minimum, rule.maximum, rule.presets) == (1000, 3000, (2000,))
    for amount in (1000, 3000, 5000):
        rule.check(amount)
    with pytest.raises(AmountTooLow) as low:
        rule.check(999)
    with pytest.raises(AmountTooHigh):
        rule.check(3001)
    assert (low.value.minimum, low.value.maximum) == (1000, 3000)


def test_editable_invoice_without_limits_takes_any_amount_of_it():
    rule = amount_rule([due("inv_1", 5000, amount_mode="editable")], "USD")

    assert rule == AmountRule(5000, True, 1, 5000)
    assert rule.has_choice


def test_of_several_invoices_a_fixed_one_is_paid_whole_or_left():
    fixed, editable = due("inv_1", 700), due("inv_2", 5000, amount_mode="editable", minimum=500)

    assert amount_rule([fixed, editable], "USD") == AmountRule(5700, True, 500, 5700)
    limits = part_ranges([fixed, editable])
    pricing = price([fixed, editable], "USD", amount=1200, parts_of=limits)
    assert ([part.share for part in pricing.parts], pricing.charge) == ([700, 500], 1200)
    assert [part.invoice_id for part in price([fixed, editable], "USD", amount=600, parts_of=limits).parts] == ["inv_2"]
    with pytest.raises(AmountNotDivisible):
        price([fixed, due("inv_3", 900)], "USD", amount=800, parts_of=part_ranges([fixed, due("inv_3", 900)]))
    assert not amount_rule([fixed, fixed], "USD").is_editable


def test_of_several_invoices_each_takes_a_part_within_its_own_limits():
    old = due("inv_1", 1000, amount_mode="editable", minimum=500, maximum=600)
    new = due("inv_2", 1000, amount_mode="editable", minimum=500)
    limits = part_ranges([old, new])

    assert shares([old, new], 500, limits) == {"inv_1": 500}
    assert shares([old, new], 1500, limits) == {"inv_1": 1000, "inv_2": 500}
    for amount in (499, 700, 1001, 1499):
        with pytest.raises(AmountNotDivisible):
            price([old, new], "USD", amount=amount, parts_of=limits)
    assert shares([old, due("inv_3", 300)], 900, part_ranges([old, due("inv_3", 300)])) == {"inv_1": 600, "inv_3": 300}
    assert shares([old, new], 2000, limits) == {"inv_1": 1000, "inv_2": 1000}


def test_of_several_invoices_one_without_a_least_takes_the_smallest_part():
    dues = [due("inv_1", 700), due("inv_2", 5000, amount_mode="editable")]

    assert shares(dues, 701, part_ranges(dues)) == {"inv_1": 700, "inv_2": 1}


def test_no_part_of_an_invoice_is_paid_in_another_currency_than_its_own():
    """A price is that of the whole invoice: a cent of it is not a cent of the invoice, and never all of it."""
    priced = due("inv_1", 10_000, prices={"EUR": 9000})

    assert price([priced], "EUR", amount=9000).parts == (Part("inv_1", 10_000, 9000, 1),)
    for amount in (1, 8999):
        with pytest.raises(AmountNotDivisible):
            price([priced], "EUR", amount=amount)


def test_of_several_invoices_the_least_is_the_smallest_of_what_one_takes():
    editable = due("inv_1", 5000, amount_mode="editable", minimum=500)

    assert amount_rule([editable, due("inv_2", 300)], "USD").minimum == 300
    assert amount_rule([editable, due("inv_2", 5000, amount_mode="editable")], "USD").minimum == 1


def test_deposit_is_a_choice_until_something_is_paid():
    assert amount_rule([due("inv_1", 5000, deposit=1000)], "USD").deposit == 1000
    assert amount_rule([due("inv_1", 5000, deposit=1000)], "USD").has_choice
    assert amount_rule([due("inv_1", 4000, deposit=1000, is_untouched=False)], "USD").deposit is None


@pytest.mark.parametrize("deposit", [5000, 5001])
def test_deposit_of_all_or_more_is_no_choice(deposit: int):
    assert amount_rule([due("inv_1", 5000, deposit=deposit)], "USD") == AmountRule(5000)


def test_after_too_little_money_only_less_than_was_refused_may_be_paid():
    dues = [due("inv_1", 5000, amount_mode="editable_after_insufficient_funds", minimum=500)]

    rule = amount_rule(dues, "USD", refused_amount=3000)

    assert rule == AmountRule(5000, True, 500, 2999, is_after_refusal=True)
    assert not amount_rule(dues, "USD").has_choice


def test_after_too_little_money_nothing_is_offered_below_the_least():
    dues = [due("inv_1", 5000, amount_mode="editable_after_insufficient_funds", minimum=500)]

    assert amount_rule(dues, "USD", refused_amount=500) == AmountRule(5000)
    assert amount_rule(dues, "USD", refused_amount=501) == AmountRule(5000, True, 500, 500, is_after_refusal=True)


def test_too_little_money_changes_nothing_of_a_fixed_invoice_or_of_several():
    refusable = due("inv_1", 5000, amount_mode="editable_after_insufficient_funds")

    assert amount_rule([due("inv_2", 700)], "USD", refused_amount=500) == AmountRule(700)
    assert amount_rule([refusable, due("inv_2", 700)], "USD", refused_amount=500) == AmountRule(5700)


@given(LEFTS)
def test_least_first_part_reaches_every_invoice_and_a_cent_less_leaves_one_out(lefts: list[int]):
    dues = [due(f"inv_{place}", left) for place, left in enumerate(lefts)]
    least = least_first_part(dues, "USD")
    if lefts[-1] == 1:
        assert least is None  # Nothing of the last one would be left for the second payment.
        return
    assert least is not None

    assert len(price(dues, "USD", amount=least).parts) == len(dues)
    if least > 1:
        assert len(price(dues, "USD", amount=least - 1).parts) < len(dues)


def test_price_in_another_currency_cannot_be_split():
    assert least_first_part([due("inv_1", 5000, prices={"EUR": 4600})], "EUR") is None
    assert least_first_part([], "USD") is None


def shares(dues: list[Due], amount: int, limits: dict[str, range]) -> dict[str, int]:
    return {part.invoice_id: part.share for part in price(dues, "USD", amount=amount, parts_of=limits).parts}


# --- what was chosen ---


@pytest.mark.parametrize(
    ("amount", "total"), [(Full(), 5000), (Deposit(), 1500), (Preset(2000), 2000), (Exact(700), 700), (FirstPart(1), 1)]
)
def test_choice_is_priced_as_what_it_names(amount: Amount, total: int):
    pricing = price_choice([due("inv_1", 5000, deposit=1500)], "USD", amount, credit=600)

    assert (pricing.total, pricing.credit) == (total, min(total, 600))


@pytest.mark.parametrize(
    "dues",
    [
        [{}],
        [{"deposit": 5000}],
        [{"deposit": 1500, "is_untouched": False}],
        [{"deposit": 1500}, {"deposit": 1500}],
    ],
    ids=["none", "as much as is left", "something is paid", "of several"],
)
def test_deposit_that_is_not_offered_is_refused(dues: list[dict[str, Any]]):
    chosen = [due(f"inv_{place}", 5000, **given) for place, given in enumerate(dues)]

    with pytest.raises(DepositNotOffered):
        price_choice(chosen, "USD", Deposit())


def test_named_amounts_of_several_keep_to_the_limits_of_each_and_the_first_of_two_payments_does_not():
    dues = [due("inv_1", 100), due("inv_2", 100)]

    with pytest.raises(AmountNotDivisible):
        price_choice(dues, "USD", Exact(150))
    assert price_choice(dues, "USD", FirstPart(150)).total == 150


@pytest.mark.parametrize("amount", [Full(), Deposit()])
def test_whole_and_deposit_have_no_limits_to_check(amount: Amount):
    check_amount([due("inv_1", 5000)], "USD", amount, refused_amount=None)


@pytest.mark.parametrize("amount", [Preset(4999), Exact(4999)])
def test_amount_that_is_named_keeps_to_the_rule(amount: Amount):
    with pytest.raises(AmountTooLow):
        check_amount([due("inv_1", 5000)], "USD", amount, refused_amount=None)


def test_after_a_refusal_less_than_was_refused_may_be_named():
    lower = [due("inv_1", 5000, amount_mode="editable_after_insufficient_funds")]

    check_amount(lower, "USD", Exact(2999), refused_amount=3000)
    with pytest.raises(AmountTooHigh):
        check_amount(lower, "USD", Exact(3000), refused_amount=3000)


@pytest.mark.parametrize(
    ("amount", "refusal"), [(0, AmountTooLow), (1, FirstPartTooSmall), (100, FirstPartTooSmall), (200, AmountTooHigh)]
)
def test_first_part_that_leaves_no_second_one_is_refused(amount: int, refusal: type[Exception]):
    dues = [due("inv_1", 100), due("inv_2", 100)]

    with pytest.raises(refusal):
        check_amount(dues, "USD", FirstPart(amount), refused_amount=None)
    check_amount(dues, "USD", FirstPart(101), refused_amount=None)
    check_amount(dues, "USD", FirstPart(199), refused_amount=None)


def test_first_part_in_another_currency_is_refused():
    with pytest.raises(SplitNotAllowed):
        check_amount([due("inv_1", 100, prices={"EUR": 90})], "EUR", FirstPart(10), refused_amount=None)


@pytest.mark.parametrize("amount", [Preset(3000), Exact(3000), FirstPart(3000)])
def test_amount_that_exceeds_what_is_left_becomes_all_of_it(amount: Amount):
    assert reprice_choice([due("inv_1", 2000)], "USD", amount, credit=0).total == 2000


def test_deposit_is_priced_anew_as_it_is_now():
    assert reprice_choice([due("inv_1", 5000, deposit=1700)], "USD", Deposit(), credit=0).total == 1700
    with pytest.raises(DepositNotOffered):
        reprice_choice([due("inv_1", 4000, deposit=1700, is_untouched=False)], "USD", Deposit(), credit=0)


def test_invoices_that_leave_the_currency_leave_the_payment():
    dues = [due("inv_1", 100), due("inv_2", 100, currency="EUR"), due("inv_3", 0)]

    assert [part.invoice_id for part in reprice_choice(dues, "USD", Full(), credit=0).parts] == ["inv_1"]


# --- what the gateway charges ---

HALF = ChargeLimits(50)
LIMITS = st.sampled_from([ChargeLimits(), HALF, ChargeLimits(100, 10), ChargeLimits(1, 10)])
MODES = st.sampled_from(["fixed", "editable"])
AMOUNTS = st.one_of(
    st.just(Full()),
    st.just(Deposit()),
    *(st.builds(kind, st.integers(1, 700)) for kind in (Preset, Exact, FirstPart)),
)


@given(
    st.lists(st.tuples(st.integers(1, 300), MODES, st.integers(1, 200)), min_size=1, max_size=4),
    AMOUNTS,
    st.integers(0, 400),
    LIMITS,
)
def test_neither_charge_nor_rest_is_ever_an_amount_that_is_not_charged(
    invoices: list[tuple[int, str, int]], amount: Amount, credit: int, limits: ChargeLimits
):
    dues = [
        due(f"inv_{place}", left, amount_mode=mode, minimum=least, deposit=min(least, left))
        for place, (left, mode, least) in enumerate(invoices)
    ]
    try:
        check_amount(dues, "USD", amount, refused_amount=None, limits=limits)
        pricing = price_choice(dues, "USD", amount, credit=credit, limits=limits)
    except CheckoutFault:
        return

    lefts = {each.invoice_id: each.left for each in dues}
    rests = [lefts[part.invoice_id] - part.share for part in pricing.parts]
    assert pricing.charge == 0 or limits.allows(pricing.charge)
    assert all(rest == 0 or limits.allows(rest) for rest in rests)
    assert sum(part.share for part in pricing.parts) == pricing.total == pricing.credit + pricing.charge
    assert pricing.credit <= credit


@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.integers(1, 400),
    st.lists(st.integers(1, 400), max_size=3),
    LIMITS,
)
def test_whatever_is_offered_can_be_charged_with_what_it_leaves(
    left: int, minimum: int, deposit: int, presets: list[int], limits: ChargeLimits
):
    dues = [due("inv_1", left, amount_mode="editable", minimum=minimum, presets=tuple(presets), deposit=deposit)]
    rule = amount_rule(dues, "USD", limits=limits)
    offered = [*rule.presets, *([rule.deposit] if rule.deposit else []), *([rule.minimum] if rule.is_editable else [])]
    first_part = least_first_part(dues, "USD", limits)

    for amount in offered + ([first_part] if first_part else []):
        assert amount == left or (limits.allows(amount) and limits.allows(left - amount))
    for amount in offered:
        check_amount(dues, "USD", Exact(amount), refused_amount=None, limits=limits)


def test_amount_that_leaves_less_than_is_charged_is_refused_with_what_may_be_left():
    dues = [due("inv_1", 5000, amount_mode="editable")]

    with pytest.raises(RestTooSmall) as refused:
        check_amount(dues, "USD", Exact(4951), refused_amount=None, limits=HALF)
    check_amount(dues, "USD", Exact(4950), refused_amount=None, limits=HALF)
    check_amount(dues, "USD", Exact(5000), refused_amount=None, limits=HALF)

    assert (refused.value.minimum, refused.value.maximum) == (50, 4950)


def test_amount_below_what_is_charged_is_too_low():
    rule = amount_rule([due("inv_1", 5000, amount_mode="editable", minimum=10)], "USD", limits=HALF)

    assert rule.minimum == 50
    with pytest.raises(AmountTooLow):
        rule.check(49)


@pytest.mark.parametrize(("deposit", "offered"), [(49, None), (50, 50), (4950, 4950), (4951, None)])
def test_deposit_is_offered_only_where_it_and_its_rest_are_charged(deposit: int, offered: int | None):
    dues = [due("inv_1", 5000, deposit=deposit)]

    assert amount_rule(dues, "USD", limits=HALF).deposit == offered
    if offered is None:
        with pytest.raises(DepositNotOffered):
            reprice_choice(dues, "USD", Deposit(), credit=0, limits=HALF)


@pytest.mark.parametrize(
    ("total", "credit", "used"),
    [
        (1000, 980, 950),
        (1000, 950, 950),
        (1000, 951, 950),
        (1000, 1000, 1000),
        (1000, 2000, 1000),
        (60, 59, 10),
        (50, 20, 0),
    ],
)
def test_credit_pays_less_where_it_would_leave_too_little_to_charge(total: int, credit: int, used: int):
    assert price([due("inv_1", total)], "USD", credit=credit, limits=HALF).credit == used


def test_total_below_what_is_charged_is_paid_by_credit_or_not_at_all():
    dues = [due("inv_1", 30)]

    assert price(dues, "USD", credit=30, limits=HALF).charge == 0
    for credit in (0, 29):
        with pytest.raises(AmountUnchargeable) as refused:
            price(dues, "USD", credit=credit, limits=HALF)
        assert refused.value.least == 50


def test_small_invoices_are_paid_together():
    dues = [due("inv_1", 30), due("inv_2", 30)]

    assert price(dues, "USD", limits=HALF).charge == 60


@pytest.mark.parametrize(("left", "least"), [(99, None), (100, 50), (5000, 50)])
def test_split_has_two_halves_that_are_charged(left: int, least: int | None):
    dues = [due("inv_1", left)]

    assert least_first_part(dues, "USD", HALF) == least
    if least is None:
        with pytest.raises(SplitNotAllowed):
            check_amount(dues, "USD", FirstPart(49), refused_amount=None, limits=HALF)
        return
    check_amount(dues, "USD", FirstPart(left - 50), refused_amount=None, limits=HALF)
    with pytest.raises(RestTooSmall):
        check_amount(dues, "USD", FirstPart(left - 49), refused_amount=None, limits=HALF)
    with pytest.raises(AmountTooLow):
        check_amount(dues, "USD", FirstPart(49), refused_amount=None, limits=HALF)


def test_part_of_several_leaves_none_of_them_less_than_is_charged():
    old, new = due("inv_1", 1000, amount_mode="editable"), due("inv_2", 1000, amount_mode="editable")

    pricing = price_choice([old, new], "USD", Exact(980), limits=HALF)

    assert [(part.invoice_id, part.share) for part in pricing.parts] == [("inv_1", 950), ("inv_2", 30)]


def test_choice_whose_rest_has_shrunk_is_not_confirmed():
    with pytest.raises(RestTooSmall):
        reprice_choice([due("inv_1", 1020, amount_mode="editable")], "USD", Exact(1000), credit=0, limits=HALF)


def test_amounts_after_insufficient_funds_are_charged_too():
    refusable = due("inv_1", 1000, amount_mode="editable_after_insufficient_funds")

    assert amount_rule([refusable], "USD", refused_amount=60, limits=HALF).minimum == 50
    assert not amount_rule([refusable], "USD", refused_amount=50, limits=HALF).has_choice
    assert not amount_rule([refusable], "USD", refused_amount=50, limits=HALF).is_after_refusal


def test_limits_round_to_what_can_be_charged():
    limits = ChargeLimits(25, 10)

    assert [limits.round_up(amount) for amount in (1, 25, 30, 31)] == [30, 30, 30, 40]
    assert [limits.round_down(amount) for amount in (24, 29, 30, 39)] == [0, 0, 30, 30]


def due(invoice_id: str, left: int, *, currency: str = "USD", **given: Any) -> Due:
    return Due(invoice_id, currency, left, 1, **given)
