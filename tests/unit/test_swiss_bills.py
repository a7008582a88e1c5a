"""The Swiss QR-bill: payloads, references and letters by the Implementation Guidelines 2.3, with the standard's own examples."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, iso11649
from stdnum.ch import esr

from portal.documents.papers import BankTransfer, Buyer, PostalAddress
from portal.documents.transfer_codes import bank_transfer, swiss_code, transfer_code, transfer_reference
from portal.merchants.rules.transfer_settings import TransferAccount
from portal.swiss_bills import Reference, bill_address, bill_code, is_qr_iban, permitted, reference_of

IBAN, QR_IBAN = "CH58 0079 1123 0008 8901 2", "CH44 3199 9123 0008 8901 2"
CREDITOR = bill_address("Robert Schneider AG", "Rue du Lac", "1268", "2501", "Biel", "CH")
DEBTOR = bill_address("Pia-Maria Rutschmann-Schnyder", "Grosse Marktgasse", "28", "9400", "Rorschach", "CH")
ACCOUNT = BankTransfer(
    "Robert Schneider AG", IBAN, street="Rue du Lac", building_number="1268", postal_code="2501", city="Biel", country="CH"
)  # fmt: skip
BUYER = Buyer(
    "Pia-Maria Rutschmann-Schnyder", ("Grosse Marktgasse 28", "9400 Rorschach"), "CH",
    postal=PostalAddress(("Grosse Marktgasse 28",), "9400", "Rorschach"),
)  # fmt: skip
LENGTHS = (70, 70, 16, 16, 35, 2)
LETTERS = re.compile("[\u0020-\u007e\u00a0-\u017f\u0218-\u021b\u20ac]*")


def check_payload(text: str) -> None:
    """Every rule of the standard for the data of a code, apart from the code that is tested."""
    lines = text.split("\n")
    assert len(lines) == 31
    assert len(text.encode()) <= 997
    assert all(LETTERS.fullmatch(line) and line == line.strip() for line in lines)
    assert lines[:3] == ["SPC", "0200", "1"]
    assert iban.validate(lines[3]) == lines[3] and lines[3][:2] in ("CH", "LI")
    check_address(lines[4:11])
    assert lines[11:18] == [""] * 7
    assert re.fullmatch(r"(0|[1-9][0-9]{0,8})\.[0-9]{2}", lines[18]) and float(lines[18]) > 0
    assert lines[19] in ("CHF", "EUR")
    if any(lines[20:27]):
        check_address(lines[20:27])
    kind, reference = lines[27:29]
    if kind == "QRR":
        assert 30000 <= int(lines[3][4:9]) <= 31999 and re.fullmatch("[0-9]{27}", reference)
        assert esr.calc_check_digit(reference[:-1]) == reference[-1]
    elif kind == "SCOR":
        assert not 30000 <= int(lines[3][4:9]) <= 31999 and iso11649.validate(reference) == reference
    else:
        assert (kind, reference) == ("NON", "")
    assert len(lines[29]) <= 140 and lines[30] == "EPD"


def check_address(lines: list[str]) -> None:
    assert lines[0] == "S"
    assert all(len(line) <= most for line, most in zip(lines[1:], LENGTHS, strict=True))
    assert lines[1] and lines[4] and lines[5] and re.fullmatch("[A-Z]{2}", lines[6])


def test_code_of_the_standards_example_with_a_creditor_reference() -> None:
    assert CREDITOR is not None
    reference = reference_of(IBAN, "539007547034")

    text = bill_code(IBAN, CREDITOR, 19995, "CHF", DEBTOR, reference, "")

    assert reference == Reference("SCOR", "RF18539007547034")
    assert text.split("\n") == [
        "SPC", "0200", "1", "CH5800791123000889012", "S", "Robert Schneider AG", "Rue du Lac", "1268", "2501", "Biel", "CH",
        "", "", "", "", "", "", "", "199.95", "CHF", "S", "Pia-Maria Rutschmann-Schnyder", "Grosse Marktgasse", "28", "9400",
        "Rorschach", "CH", "SCOR", "RF18539007547034", "", "EPD",
    ]  # fmt: skip
    check_payload(text)


def test_code_of_the_standards_example_with_a_qr_reference() -> None:
    assert CREDITOR is not None
    reference = Reference("QRR", "210000000003139471430009017")

    text = bill_code(QR_IBAN, CREDITOR, 394975, "CHF", DEBTOR, reference, "Auftrag vom 15.06.2020")

    assert text.split("\n")[18:20] == ["3949.75", "CHF"]
    assert text.split("\n")[27:] == ["QRR", "210000000003139471430009017", "Auftrag vom 15.06.2020", "EPD"]
    assert reference.written == "21 00000 00003 13947 14300 09017"
    check_payload(text)


def test_code_of_the_standards_example_without_a_reference_and_payer() -> None:
    assert CREDITOR is not None

    text = bill_code(IBAN, CREDITOR, 1, "EUR", None, Reference("NON", ""), "Spende für die Weihnachtsaktion")

    assert text.split("\n")[18:] == ["0.01", "EUR", *[""] * 7, "NON", "", "Spende für die Weihnachtsaktion", "EPD"]
    check_payload(text)


def test_qr_iban_is_told_by_its_bank() -> None:
    assert is_qr_iban(QR_IBAN)
    assert not is_qr_iban(IBAN)
    assert not is_qr_iban("DE89 3199 9123 0008 8901 2")


def test_qr_reference_ends_with_the_numbers_digits_and_is_each_invoices_own() -> None:
    numbers = [
        "ACME-0424",
        "ACME0424",
        "RS-0424",
        "0424",
        "424",
        "CN-04-24",
        "2026-0424",
        "2-0260424",
        "9" * 40,
        "8" + "9" * 39,
    ]

    references = [reference_of(QR_IBAN, number, "210000").text for number in numbers]

    assert len(set(references)) == len(numbers)
    assert all(len(each) == 27 and each.startswith("210000") and esr.validate(each.lstrip("0")) for each in references)
    assert references[0][-5:-1] == "0424"
    assert references == [reference_of(QR_IBAN, number, "210000").text for number in numbers]


@pytest.mark.parametrize(("one", "other"), [("1042/1", "10421"), ("2026-1/2", "2026-12"), ("INV-1.11", "INV-11.1")])
def test_two_numbers_have_two_creditor_references(one: str, other: str) -> None:
    assert reference_of(IBAN, one) != reference_of(IBAN, other)


@pytest.mark.parametrize("number", ["Ä-1", "№ 5", "X" * 22, "فاتورة", "---"])
def test_number_that_fits_no_creditor_reference_has_none(number: str) -> None:
    assert reference_of(IBAN, number) == Reference("NON", "")
    assert transfer_reference(ACCOUNT, "CHF", number) == number


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Zürich – «Löwen» ’s", "Zürich - «Löwen» 's"), ("Șerban Țiriac €", "Șerban Țiriac €"), ("Nguyễn Văn", "Nguyen Văn"),
        ("a\u202fb\u200bc", "a bc"), ("Łódź", "Łódź"), ("محمد", None), ("Ελένη", None), ("a\tb", None),
    ],
)  # fmt: skip
def test_only_permitted_letters_are_written(text: str, written: str | None) -> None:
    assert permitted(text) == written


def test_payer_who_cannot_be_written_is_left_to_be_filled_in() -> None:
    for buyer in (
        replace(BUYER, name="محمد"),
        replace(BUYER, postal=PostalAddress(("x",), "", "Douala")),
        replace(BUYER, country=""),
    ):
        code = swiss_code(ACCOUNT, 100, "CHF", "A-1", buyer)
        assert code is not None and code.debtor is None
        check_payload(code.text)


TEXTS = st.text(max_size=200)


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.integers(1, 99_999_999_999), st.sampled_from([IBAN, QR_IBAN]))
def test_every_code_follows_the_standard(
    name: str, street: str, postal_code: str, city: str, number: str, amount: int, account: str
) -> None:
    buyer = Buyer(name, (), "CH", postal=PostalAddress((street, street), postal_code, city))

    text = transfer_code(replace(ACCOUNT, iban=account, reference_prefix=""), amount, "CHF", number, buyer)

    check_payload(text)


@pytest.mark.parametrize(
    ("number", "currency"), [(IBAN, "CHF"), (QR_IBAN, "EUR"), ("DE89 3704 0044 0532 0130 00", "EUR")]
)
def test_iban_that_the_merchant_wrote_in_small_letters_is_large_in_the_code(number: str, currency: str) -> None:
    account = TransferAccount(**{**asdict(ACCOUNT), "iban": number.lower()})

    code = transfer_code(bank_transfer(account), 100, currency, "A-1")

    assert number.replace(" ", "") in code.split("\n")


def test_no_swiss_code_for_other_accounts_currencies_and_amounts() -> None:
    german = replace(ACCOUNT, iban="DE89 3704 0044 0532 0130 00")
    nowhere = replace(ACCOUNT, city="")

    assert swiss_code(ACCOUNT, 0, "CHF", "A-1", BUYER) is None
    assert swiss_code(ACCOUNT, 100_000_000_000, "CHF", "A-1", BUYER) is None
    assert swiss_code(ACCOUNT, 100, "USD", "A-1", BUYER) is None
    assert swiss_code(german, 100, "EUR", "A-1", BUYER) is None
    assert swiss_code(nowhere, 100, "CHF", "A-1", BUYER) is None
    assert transfer_code(german, 100, "EUR", "A-1").startswith("BCD\n002")
    assert transfer_code(nowhere, 100, "EUR", "A-1").startswith("BCD\n002")
    assert transfer_code(replace(nowhere, iban=QR_IBAN), 100, "EUR", "A-1") == ""
    assert transfer_reference(german, "EUR", "A-1") == "A-1"
    assert transfer_reference(ACCOUNT, "CHF", "A-1") == "RF28 A126 36"
