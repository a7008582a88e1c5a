"""What may be paid of invoices, and how a chosen amount divides over them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.payments.errors import (
    AmountTooHigh,
    AmountTooLow,
    AmountUnplaceable,
    AmountUnreached,
    CurrenciesMixed,
    DepositNotOffered,
    InvoiceSettled,
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
    price_anew,
    price_choice,
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
    with pytest.raises(AmountUnplaceable):
        price([fixed, due("inv_3", 900)], "USD", amount=800, parts_of=part_ranges([fixed, due("inv_3", 900)]))
    assert not amount_rule([fixed, fixed], "USD").is_editable


def test_of_several_invoices_each_takes_a_part_within_its_own_limits():
    old = due("inv_1", 1000, amount_mode="editable", minimum=500, maximum=600)
    new = due("inv_2", 1000, amount_mode="editable", minimum=500)
    limits = part_ranges([old, new])

    assert shares([old, new], 500, limits) == {"inv_1": 500}
    assert shares([old, new], 1500, limits) == {"inv_1": 1000, "inv_2": 500}
    for amount in (499, 700, 1001, 1499):
        with pytest.raises(AmountUnplaceable):
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
        with pytest.raises(AmountUnplaceable):
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

    with pytest.raises(AmountUnplaceable):
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
    ("amount", "refusal"), [(0, AmountTooLow), (1, AmountUnreached), (100, AmountUnreached), (200, AmountTooHigh)]
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
    assert price_anew([due("inv_1", 2000)], "USD", amount, credit=0).total == 2000


def test_deposit_is_priced_anew_as_it_is_now():
    assert price_anew([due("inv_1", 5000, deposit=1700)], "USD", Deposit(), credit=0).total == 1700
    with pytest.raises(DepositNotOffered):
        price_anew([due("inv_1", 4000, deposit=1700, is_untouched=False)], "USD", Deposit(), credit=0)


def test_invoices_that_leave_the_currency_leave_the_payment():
    dues = [due("inv_1", 100), due("inv_2", 100, currency="EUR"), due("inv_3", 0)]

    assert [part.invoice_id for part in price_anew(dues, "USD", Full(), credit=0).parts] == ["inv_1"]


def due(invoice_id: str, left: int, *, currency: str = "USD", **given: Any) -> Due:
    return Due(invoice_id, currency, left, 1, **given)
