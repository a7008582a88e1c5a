"""The settings document: what is read, every fault at once by its path, what is stored and written back."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from portal.merchants.errors import InvalidSettings
from portal.merchants.rules.context_fields import CATALOGUE
from portal.merchants.rules.field_settings import FieldChoice
from portal.merchants.rules.merchant_settings import (
    Amounts,
    Documents,
    Languages,
    MerchantSettings,
    Pages,
    read_document,
    read_stored,
    stored_settings,
    write_document,
)
from portal.merchants.rules.notice_settings import Notices
from portal.merchants.rules.payment_options import AmountLimits

LANGUAGES = ("en", "fr")


def read(document: dict[str, Any]) -> MerchantSettings:
    return read_document(document, languages=LANGUAGES)


def faults_of(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as refused:
        read(document)
    return dict(refused.value.faults)


def test_merchant_that_decided_nothing_has_every_default():
    settings = read({})

    assert settings == MerchantSettings() == read_stored({})
    assert stored_settings(settings) == {}
    assert {field.name for field in settings.context_fields} == set(CATALOGUE)


def test_amounts_are_decimals_in_the_units_of_each_currency():
    limits = {
        "XAF": {"minimum": "500", "maximum": "5000"},
        "USD": {"minimum": "1.50", "maximum": "20", "presets": ["5"]},
    }

    above = {"XAF": "250000", "USD": "99.5"}

    options = read({"amounts": {"limits": limits, "fresh_code_above": above}}).payment_options

    assert options.amounts == {"XAF": AmountLimits(500, 5000), "USD": AmountLimits(150, 2000, (500,))}
    assert options.fresh_code_above == {"XAF": 250_000, "USD": 9950}


def test_every_fault_is_named_at_once_by_its_path():
    assert faults_of(
        {
            "version": 2,
            "page": {},
            "pages": {"payment_methods": "edits"},
            "amounts": {
                "split": "yes",
                "limits": {
                    "USD": {"minimum": 1, "maximum": "1e3", "presets": ["0.001"]},
                    "EUR": {"minimum": "10", "maximum": "5"},
                    "XXY": {},
                },
                "fresh_code_above": {"USD": 500, "EUR": "-1", "XAF": "0.5", "XXY": "1"},
            },
            "fields": {
                "name": {"show": "gone"},
                "phne": {"label": {"en": "Phone"}},
                "plan": {"type": "choice", "label": {"en": ""}, "choices": ["a", "a"]},
                "locale": {"show": "required"},
                "phone": {"type": "text", "section": "shipping"},
            },
            "languages": 7,
        }
    ) == {
        "version": "is one of 1",
        "page": "is not a key here; did you mean pages?",
        "pages.payment_methods": 'is one of "hidden", "view" or "edit"',
        "amounts.split": "is true or false",
        "amounts.limits.USD.minimum": "is a text in quotation marks",
        "amounts.limits.USD.maximum": "is not a plain decimal number such as 1234.56",
        "amounts.limits.USD.presets.0": "has more than the 2 decimals of USD",
        "amounts.limits.EUR.minimum": "is more than the maximum",
        "amounts.limits.XXY": "is not a currency of ISO 4217, such as EUR or XAF",
        "amounts.fresh_code_above.USD": "is a text in quotation marks",
        "amounts.fresh_code_above.EUR": "is less than nothing",
        "amounts.fresh_code_above.XAF": "has more than the 0 decimals of XAF",
        "amounts.fresh_code_above.XXY": "is not a currency of ISO 4217, such as EUR or XAF",
        "fields.name.show": 'is one of "hidden", "view", "edit" or "required"',
        "fields.phne.type": (
            "is missing: a field of your own has one of text, date, phone, email, number, yes_no, choice; did you mean phone?"
        ),
        "fields.plan.label.en": "is a text of 1 to 80 characters",
        "fields.plan.label": "is missing: a field of your own has a name in one language at least",
        "fields.plan.choices": "has at least two different texts",
        "fields.locale.show": "is hidden, view or edit: this one is never empty",
        "fields.phone.type": "is for fields of your own; this one is the portal's",
        "fields.phone.section": "is always customer",
        "languages": "is a table",
    }


def test_every_fault_of_notices_is_named_by_its_path():
    assert faults_of(
        {
            "notices": {
                "receipt": "always", "overdue": "off", "new_device": "never", "before_due": [3, 61, "2"], "after_due": [0, 366],
                "imported_invoices": "yes",
            }
        }
    ) == {
        "notices.receipt": 'is one of "never", "off" or "on"',
        "notices.overdue": 'is one of "never" or "on"',
        "notices.new_device": (
            "is not a key here; there are invoice_issued, due_soon, overdue, receipt, refund, method_expiring, payment_failed, "
            "statement_ready, before_due, after_due, statement_day, imported_invoices, sign_in_links"
        ),
        "notices.before_due.1": "is at most 60",
        "notices.before_due.2": "is a whole number",
        "notices.after_due.0": "is at least 1",
        "notices.after_due.1": "is at most 365",
        "notices.imported_invoices": "is true or false",
    }  # fmt: skip
    assert faults_of({"notices": {"before_due": [1, 1], "after_due": list(range(1, 12))}}) == {
        "notices.before_due": "names each day once",
        "notices.after_due": "has 10 entries at most",
    }


def test_days_of_reminders_are_read_in_their_order():
    notices = read({"notices": {"before_due": [0, 7, 3], "after_due": []}}).notices

    assert (notices.before_due, notices.after_due) == ((0, 3, 7), ())


def test_languages_are_those_that_the_portal_has():
    document = {"languages": {"offered": ["en", "tlh"]}, "documents": {"languages": {"FR": "tlh", "CM": "fr"}}}

    assert faults_of(document) == {
        "languages.offered.1": "tlh is not one of en, fr",
        "documents.languages.FR": "tlh is not one of en, fr",
    }
    assert faults_of({"documents": {"languages": {"Fr": "en", "CM": 1}}}) == {
        "documents.languages.Fr": "is not a country code of ISO 3166 such as CM",
        "documents.languages.CM": "is a text in quotation marks",
    }


def test_merchant_has_at_most_ten_fields_of_its_own():
    own = {f"extra_{number}": {"type": "text", "label": {"en": f"Extra {number}"}} for number in range(11)}

    assert "10 are the most" in faults_of({"fields": own})["fields"]
    del own["extra_0"]
    assert len(read({"fields": own}).context_fields) == len(CATALOGUE) + 10


def test_fields_stand_in_their_sections_by_position():
    settings = read({"fields": {"badge": {"type": "text", "label": {"en": "Badge"}, "position": 15}}})

    names = [field.name for field in settings.context_fields if field.show != "hidden"]

    assert names == [
        "name", "badge", "company_name", "phone", "locale", "timezone", "billing_address", "tax_id", "purchase_order", "shipping_address",
    ]  # fmt: skip


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)
_SECTIONS = ("version", "pages", "fields", "amounts", "documents", "languages", "notices")


@given(st.dictionaries(st.sampled_from(_SECTIONS) | st.text(max_size=5), _JSON, max_size=5))
def test_any_document_is_read_or_refused(document):
    try:
        settings = read(document)
    except InvalidSettings:
        return  # Another fault would be an error of the command, with a traceback.
    assert read(write_document(settings)) == settings


_CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "show": st.sampled_from(["hidden", "view", "edit"]),
        "position": st.integers(1, 999),
        "label": st.dictionaries(st.sampled_from(LANGUAGES), st.text("abc", min_size=1, max_size=5)),
    },
)


@given(
    st.dictionaries(st.sampled_from(sorted(CATALOGUE)), _CHOICES), st.sampled_from(["fixed", "editable"]), st.booleans()
)
def test_what_is_stored_and_what_is_written_reads_as_the_same(fields, mode, split):
    settings = read({"fields": fields, "amounts": {"mode": mode, "split": split}})

    assert read_stored(stored_settings(settings)) == settings
    assert read(write_document(settings)) == settings


def test_document_of_the_settings_lists_every_field_as_it_is_by_default():
    text = (Path(__file__).parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
    table = text.partition("<!-- fields -->")[2].partition("<!-- /fields -->")[0]

    rows = [
        f"| `{name}`{' †' if known.is_context else ''} | {known.section} | {known.position} | {known.show} |"
        for name, known in CATALOGUE.items()
    ]
    assert table.strip().splitlines()[2:] == rows


def test_every_key_of_the_settings_document_is_described():
    text = (Path(__file__).parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
    text = text.partition("## What a merchant sets")[2].partition("## The demo")[0]

    sections: dict[str, type[BaseModel]] = {
        "pages": Pages, "fields.<name>": FieldChoice, "amounts": Amounts, "documents": Documents, "languages": Languages,
        "notices": Notices,
    }  # fmt: skip
    keys = {f"{section}.{key}" for section, model in sections.items() for key in model.model_fields}
    described = set(re.findall(r"`([a-z_]+(?:\.(?:<name>|[a-z_]+))+)", text))
    beside = {"fields.<name>.choices", "fields.<name>.max_length"}  # Named in the row of the type.
    assert keys - described == beside


def test_example_of_the_settings_document_is_sound():
    text = (Path(__file__).parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")

    read(tomllib.loads(text.partition("```toml\n")[2].partition("```")[0]))


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        ({"pages": {"details": "hidden", "calendar": "view"}, "embed": {}}, {"pages": {"details": "hidden"}}),
        ({"documents": {"languages": {"AN": "fr", "CM": "fr"}}}, {"documents": {"languages": {"CM": "fr"}}}),
        (
            {"amounts": {"limits": {"ZZZ": {"minimum": "1", "maximum": "2"}, "XAF": {"minimum": "1", "maximum": "2"}}}},
            {"amounts": {"limits": {"XAF": {"minimum": "1", "maximum": "2"}}}},
        ),
        # The portal has the field itself by now.
        ({"fields": {"company_name": {"type": "text", "show": "required"}}}, {"fields": {"company_name": {"show": "required"}}}),
        ({"fields": {"team": {"label": {"en": "Team"}}}, "pages": {"statement": "hidden"}}, {"pages": {"statement": "hidden"}}),
        ({"version": 2, "pages": "all"}, {}),
    ],
)  # fmt: skip
def test_stored_settings_that_this_release_does_not_take_are_left_out_and_the_rest_counts(stored, kept, caplog):
    assert stored_settings(read_stored(stored)) == kept
    assert "settings.ignored" in caplog.text
