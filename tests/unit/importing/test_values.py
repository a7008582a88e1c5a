"""Single values of a row that are no numbers: dates in a zone, currencies, words of status."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from portal.gateways.contract import METHOD_TYPES
from portal.importing.errors import MappingFault
from portal.importing.rules.refusals import ValueRefused
from portal.importing.rules.statuses import read_channel, read_invoice_status, read_payment_status
from portal.importing.rules.values import checked_calendar

LONDON = checked_calendar("%m/%d/%Y %H:%M", "Europe/London")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("12/1/2010 8:26", datetime(2010, 12, 1, 8, 26, tzinfo=UTC)),
        ("7/1/2011 0:30", datetime(2011, 6, 30, 23, 30, tzinfo=UTC)),
        ("7/1/2011", datetime(2011, 6, 30, 23, 0, tzinfo=UTC)),
        ("٧/١/٢٠١١ ٠:٣٠", datetime(2011, 6, 30, 23, 30, tzinfo=UTC)),
        ("2011-07-01", datetime(2011, 6, 30, 23, 0, tzinfo=UTC)),
        ("2011-07-01T10:00:00Z", datetime(2011, 7, 1, 10, 0, tzinfo=UTC)),
        ("2011-07-01 10:00:00 UTC", datetime(2011, 7, 1, 10, 0, tzinfo=UTC)),
        ("2011-07-01 10:00:00 -0400", datetime(2011, 7, 1, 14, 0, tzinfo=UTC)),
    ],
)
def test_instant_is_read_in_the_files_zone(text, instant):
    assert LONDON.instant("issued_on", text) == instant


def test_day_is_the_files_own_though_utc_has_another():
    assert LONDON.day("issued_on", "7/1/2011 0:30") == date(2011, 7, 1)


@pytest.mark.parametrize(
    "text", ["13/13/2010 8:26", "yesterday", "", "45123", "1/1/1899 0:00", "9999-12-31", "0001-01-01"]
)
def test_date_that_is_none_is_refused(text):
    with pytest.raises(ValueRefused, match=r"^issued_on "):
        LONDON.day("issued_on", text)


def test_refused_date_names_the_option():
    with pytest.raises(ValueRefused, match="--date-format"):
        checked_calendar(None, "UTC").day("issued_on", "14/10/2025")


@pytest.mark.parametrize("date_format", ["%Q", "%Y", "%d", "%H:%M", "day"])
def test_format_that_tells_no_day_is_refused(date_format):
    with pytest.raises(MappingFault, match="date format"):
        checked_calendar(date_format, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_zone_that_is_none_is_refused(zone):
    with pytest.raises(MappingFault, match="timezone"):
        checked_calendar(None, zone)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        # Stripe, Xero, QuickBooks, Shopify, WooCommerce, Notch Pay
        (["open", "past_due", "AUTHORISED", "Awaiting Payment", "Unpaid", "Overdue 12 days", "Due in 3 days"], "open"),
        (["pending", "incomplete", "authorized", "wc-on-hold", "Pending payment", "ON-HOLD"], "open"),
        (["Paid", "PAID", "Paid, not deposited", "Deposited", "wc-completed", "processing", "complete"], "paid"),
        (["draft", "Submitted", "Awaiting Approval", "checkout-draft"], "draft"),
        (["void", "Voided", "VOIDED", "Cancelled", "canceled", "wc-failed", "expired"], "void"),
        (["uncollectible", "Written off"], "uncollectible"),
        (["refunded", "wc-refunded"], "refunded"),
        (["Partially_Refunded", "partially refunded"], "partially_refunded"),
        (["partially_paid", "Partial", "PARTIALLY PAID"], "partially_paid"),
    ],
)
def test_status_of_an_invoice_in_the_words_of_other_systems(words, status):
    assert {read_invoice_status("status", word) for word in words} == {status}


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["Paid", "succeeded", "complete", "COMPLETED", "Authorised", "Deposited", "Closed", "success"], "complete"),
        (["Failed", "declined", "wc-failed"], "failed"),
        (["Refunded", "refunded"], "refunded"),
        (["Partially Refunded", "partial_refund"], "partially_refunded"),
        (["Canceled", "cancelled", "Voided"], "canceled"),
        (["Blocked", "rejected"], "rejected"),
        (["abandoned"], "abandoned"),
        (["Expired"], "expired"),
    ],
)
def test_status_of_a_payment_in_the_words_of_other_systems(words, status):
    assert {read_payment_status("status", word) for word in words} == {status}


@pytest.mark.parametrize(
    ("words", "channel"),
    [
        (["card", "Credit Card", "VISA"], "card"),
        (["mobile_money", "Mobile Money", "cm.mtn", "CM.Orange", "Orange Money"], "mobile_money"),
        (["bank_account", "Bank transfer", "sepa_debit"], "bank_account"),
        (["other", "Cash", "PayPal"], "other"),
    ],
)
def test_channel_in_the_words_of_other_systems(words, channel):
    assert {read_channel("channel", word) for word in words} == {channel}
    assert channel in METHOD_TYPES


def test_unknown_channel_is_refused():
    with pytest.raises(ValueRefused, match="--values 'channel:seashells=card'"):
        read_channel("channel", "seashells")


@pytest.mark.parametrize("word", ["pending", "Processing", "incomplete", "Uncaptured", "authorized", "requires_action"])
def test_payment_that_has_not_ended_is_refused(word):
    with pytest.raises(ValueRefused, match="has not ended"):
        read_payment_status("status", word)


def test_unknown_word_is_refused_with_the_option_that_says_what_it_means():
    with pytest.raises(ValueRefused, match="--values 'status:Sent=open'"):
        read_invoice_status("status", " Sent ")
    with pytest.raises(ValueRefused, match="••••"):
        read_payment_status("status", "4242 4242 4242 4242")
