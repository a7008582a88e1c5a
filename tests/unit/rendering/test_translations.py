"""The choice of a language, and what a translated text may do in a page."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from portal.rendering.translations import (
    available_locales,
    choose_locale,
    direction,
    jinja_functions,
    language_name,
    translator,
)  # fmt: skip
from tests.support.bundled import bundled_messages


@pytest.mark.parametrize(
    ("customer", "merchant", "header", "chosen"),
    [
        ("fr", "en", "en", "fr"),
        ("fr-CM", "en", "en", "fr"),
        ("fr_CM", "en", None, "fr"),
        ("sw", "en", "fr-CM,fr;q=0.9,en;q=0.8", "fr"),
        (None, "fr", "de, en;q=0.5, fr;q=0.7", "fr"),
        (None, "fr", "en-GB", "fr"),
        (None, "fr", "en-US,en;q=0.9", "fr"),
        (None, "en", "fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        (None, "en", "en-US,en;q=0.9,fr;q=0.8", "en"),
        ("en", "fr", "fr", "en"),
        (None, "fr", "", "fr"),
        (None, "fr", "*", "fr"),
        (None, "fr", "en;q=0, ;;;q=x, \x00", "fr"),
        (None, "sw", None, "en"),
        (None, None, None, "en"),
        ("../../etc", "fr", None, "fr"),
    ],
)
def test_locale_is_the_first_available_of_customer_browser_and_merchant(customer, merchant, header, chosen):
    assert (
        choose_locale(
            customer_locale=customer, merchant_locale=merchant, accept_language=header, available=("en", "fr")
        )
        == chosen
    )


def test_english_and_french_are_available():
    assert set(available_locales()) >= {"en", "fr"}


def test_unknown_message_stays_english_and_takes_its_variables():
    texts = translator("fr")

    assert texts.gettext("Nothing like this: %(name)s, 100%%", name="Zoé") == "Nothing like this: Zoé, 100%"
    assert texts.ngettext("%(num)s such thing", "%(num)s such things", 2) == "2 such things"


def test_variables_of_a_text_are_escaped_and_the_text_is_not():
    translate = jinja_functions("en")["_"]

    assert str(translate("<b>%(name)s</b>", name="<i>")) == "<b>&lt;i&gt;</b>"


def test_names_keep_their_direction_in_a_sentence_from_right_to_left():
    arabic, french = (jinja_functions(locale)["_"] for locale in ("ar", "fr"))

    assert str(arabic("%(name)s", name="Acme <Inc.>")) == "\u2068Acme &lt;Inc.&gt;\u2069"
    assert str(arabic("%(name)s", name=Markup("<b>$1.00</b>"))) == "\u2068<b>$1.00</b>\u2069"
    assert str(arabic("%(code)s", code="WDJB-MJHT")) == "WDJB-MJHT"
    assert str(french("%(name)s", name="Acme Inc.")) == "Acme Inc."


def test_a_colon_after_a_label_stands_apart_in_french_alone():
    colons = {locale: str(jinja_functions(locale)["pgettext"]("after a label", ": ")) for locale in available_locales()}

    assert colons.pop("fr") == "\u00a0: "
    assert set(colons.values()) == {": "}


def test_language_names_and_directions():
    assert language_name("fr") == "Français"
    assert language_name("en") == "English"
    assert [direction(locale) for locale in ("en", "fr", "ar", "he")] == ["ltr", "ltr", "rtl", "rtl"]


def test_sentences_of_expected_failures_are_messages():
    assert "Nothing at this address." in bundled_messages()


def test_french_keeps_the_space_before_high_punctuation_on_the_line():
    texts = translator("fr")

    broken = [
        message
        for message in bundled_messages()
        if isinstance(message.id, str) and message.id and any(f" {mark}" in texts.catalogue.gettext(message.id) for mark in ":;?!»")
        and texts.catalogue.gettext(message.id) != message.id
    ]  # fmt: skip

    assert broken == []
