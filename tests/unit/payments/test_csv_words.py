"""The words of the CSV are those of the page, in every language."""

from __future__ import annotations

import re

from portal.assets import TEMPLATES
from portal.payments.rules.statuses import PAYMENT_STATUSES
from portal.payments.views.csv_rows import STATUSES, csv_header
from portal.rendering.catalogues import collect_messages
from portal.rendering.translations import available_locales, translator


def test_status_is_the_word_of_the_page() -> None:
    table = (
        (TEMPLATES / "components/status.html")
        .read_text(encoding="utf-8")
        .partition("set PAYMENT = {")[2]
        .partition("%}")[0]
    )

    words = dict(re.findall(r'"(\w+)": \{"tone".*?"cell": _shape\("[\w-]+"\) ~ _\("([^"]+)"\)', table))

    assert words == STATUSES
    assert {*PAYMENT_STATUSES} <= STATUSES.keys()


def test_every_word_is_in_the_catalogues() -> None:
    known = {message.id for message in collect_messages()}

    assert {*STATUSES.values(), *csv_header("en"), "Your credit", "Paid elsewhere", "Added credit"} <= known


def test_header_is_in_the_language_of_the_reader() -> None:
    assert csv_header("fr") == [
        "Date", "Libellé", "Factures", "Moyen de paiement", "État", "Montant", "Remboursé", "Devise", "Référence",
    ]  # fmt: skip
    for locale in available_locales():
        assert len(set(csv_header(locale))) == len(csv_header(locale)), translator(locale)
