"""What a payment is found by: words by their beginnings, numbers whole and by their tails, amounts as the reader's language writes them."""

from __future__ import annotations

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from portal.money import CURRENCIES, MAX_AMOUNT
from portal.payments.rules.search import MAX_PREFIX, MAX_QUERY, MAX_TERMS, Notation, query_terms, terms_of
from portal.rendering.formats import formats_for

ENGLISH, FRENCH = Notation("."), Notation(",")


def finds(query: str, *names: str, amount: int = 1, currency: str = "USD", notation: Notation = ENGLISH) -> bool:
    """Whether a payment with these texts is found: all terms of a search, of which there are some, are kept of it."""
    asked = query_terms(query, notation)
    return bool(asked) and set(asked) <= set(terms_of([(amount, currency)], names))


@pytest.mark.parametrize(
    "query",
    [
        "workshop", "WORK", "wor", "workshop lisbon", "lisbon workshop", "onboarding-workshop", "2", "two", "lis wor",
    ],
)  # fmt: skip
def test_words_are_found_by_their_beginnings_in_any_order(query):
    assert finds(query, "Onboarding-workshop in Lisbon, 2 days for two")


@pytest.mark.parametrize("query", ["orkshop", "wo", "workshops", "workshop berlin", "on board"])
def test_what_is_not_there_is_not_found(query):
    assert not finds(query, "Onboarding workshop in Lisbon")


@pytest.mark.parametrize(
    "query",
    ["ACME-2024-0042", "acme-2024-0042", "acme20240042", "ACME-2024", "2024", "0042", "42", "acme", "ACME 0042", "acme/2024/0042"],
)  # fmt: skip
def test_number_is_found_whole_from_its_start_and_by_its_parts(query):
    assert finds(query, "ACME-2024-0042")


@pytest.mark.parametrize("query", ["420", "0041", "ACME-2025", "ACME-2024-0041"])
def test_other_number_is_not_found(query):
    assert not finds(query, "ACME-2024-0042")


def test_tail_of_a_number_without_hyphens_is_found():
    assert finds("0042", "INV0042") and finds("42", "INV0042") and not finds("2", "INV0042")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("electricite", "Électricité, août"),
        ("AOÛT", "Électricité, août"),
        ("coeur", "Cœur de réseau"),
        ("strasse", "Straße 4"),
        ("istanbul", "İstanbul"),
        ("اضافه", "إضافة سجل"),
        ("42", "الفاتورة ٤٢"),
        ("5\u202f000", "Kit de 5\u00a0000 watts"),
        ("5000", "Kit de 5 000 watts"),
        ("49,01", "Release 49.01"),
    ],
)
def test_case_accents_and_digits_of_a_script_make_no_difference(query, text):
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "amount", "currency", "notation"),
    [
        ("49.01", 4901, "USD", ENGLISH),
        ("49,01", 4901, "USD", FRENCH),
        ("49,01", 4901, "USD", ENGLISH),
        ("49.01", 4901, "USD", FRENCH),
        ("49", 4901, "USD", ENGLISH),
        ("49.1", 4910, "USD", ENGLISH),
        ("49.10", 4910, "USD", ENGLISH),
        ("49.00", 4900, "USD", ENGLISH),
        ("$1,240.00", 124000, "USD", ENGLISH),
        ("1,240", 124000, "USD", ENGLISH),
        ("1.240,00", 124000, "EUR", FRENCH),
        ("1.240", 124000, "EUR", FRENCH),
        ("1 240,00 €", 124000, "EUR", FRENCH),
        ("5 000", 5000, "XAF", FRENCH),
        ("5\u202f000", 5000, "XAF", FRENCH),
        ("5000", 5000, "XAF", FRENCH),
        ("5 000", 500000, "USD", ENGLISH),
        ("−$60.00", 6000, "USD", ENGLISH),
        ("1'240.50", 124050, "CHF", ENGLISH),
        ("0.5", 50, "USD", ENGLISH),
        ("1.5", 1500, "KWD", Notation(".", 3)),
        ("1.234", 1234, "KWD", Notation(".", 3)),
        ("5 000 FCFA", 5000, "XAF", Notation(",", 0, ("FCFA", "XAF"))),
        ("USD 49.01", 4901, "USD", Notation(".", 2, ("$", "USD"))),
        ("٤٩٫٠١", 4901, "USD", ENGLISH),
    ],
)
def test_amount_is_found_as_it_is_typed(query, amount, currency, notation):
    assert finds(query, amount=amount, currency=currency, notation=notation)


@pytest.mark.parametrize(
    ("query", "amount"), [("49.01", 4900), ("49.00", 4901), ("49", 490), ("4901", 4901), ("49.0", 4901), ("1,24", 124000)]
)  # fmt: skip
def test_other_amount_is_not_found(query, amount):
    assert not finds(query, amount=amount)


@given(
    amount=st.integers(1, MAX_AMOUNT),
    currency=st.sampled_from(sorted(CURRENCIES)),
    locale=st.sampled_from(["en", "fr", "es", "pt", "de", "ar", "fr_CH"]),
)
def test_amount_is_found_as_the_page_writes_it(amount, currency, locale):
    formats = formats_for(locale)
    written = formats.money_notation(currency)
    notation = Notation(written.point, written.digits, (written.before, written.after, currency))

    assert finds(formats.money(amount, currency), amount=amount, currency=currency, notation=notation)
    assert written.point == str(Locale.parse(locale).number_symbols["latn"]["decimal"])


@given(text=st.text(max_size=300))
def test_whatever_is_typed_is_a_few_short_terms(text):
    terms = query_terms(text, ENGLISH)

    assert len(terms) <= 8 and all(0 < len(term) <= MAX_PREFIX for term in terms)


@given(name=st.text(max_size=255))
def test_every_text_is_found_by_each_of_its_words(name):
    for word in name.split():
        if query_terms(word[:MAX_QUERY], ENGLISH):
            assert finds(word[:MAX_QUERY], name), word


@pytest.mark.parametrize("query", ["", " ", "-", "€", "a", "😀", ". , ;"])
def test_nothing_to_search_for_has_no_terms(query):
    assert query_terms(query, ENGLISH) == ()


def test_word_that_another_begins_with_is_not_asked_for_twice():
    assert query_terms("work workshop work", ENGLISH) == ("workshop",)


def test_terms_of_a_payment_have_an_end():
    numbers = [f"{number:04d}-{number * 7919}" for number in range(1000)]

    assert len(terms_of([(4901, "USD")], numbers)) == MAX_TERMS
