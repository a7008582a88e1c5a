"""The merchants and customers of the demo, and what their invoices are for: data only, written by seeding.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from portal.customers.rules.profiles import CustomerDetails
from portal.merchants.rules.merchant_settings import Amounts, Documents, Limits, MerchantSettings, Promises
from portal.merchants.rules.notice_settings import Notices
from portal.merchants.rules.transfer_settings import TransferAccount

GOOD_CARD, DECLINED_CARD, INSUFFICIENT_FUNDS_CARD = "4242424242424242", "4000000000000002", "4000000000009995"
THREE_D_SECURE_CARD, ERROR_CARD = "4000000000003220", "4000000000000119"


@dataclass(frozen=True, slots=True)
class ExampleMerchant:
    """One merchant of the demo. Amounts of its customers are minor units of `currency`.

    `monthly_title`, with a month, and `titles` are the descriptions of the invoices; each of `titles` is used once.
    `new_customer` has no invoices. `options_customer` has one invoice for each payment option, described by
    `option_titles`; one of them has a second price, `other_price` in `other_currency`, and one is in that currency only.
    `person`, a name and a mail address, pays for the first of `customers` and sees the account of the second.
    Customers of a merchant with `uses_mobile_money` pay by phone where those of others pay by bank account.
    """

    slug: str
    name: str
    legal_name: str
    address_lines: tuple[str, ...]
    about: str
    currency: str
    locale: str
    timezone: str
    theme: str
    support_email: str
    number_prefix: str
    monthly_title: str
    months: tuple[str, ...]
    titles: Mapping[str, str]
    monthly_amount: int
    amounts: Mapping[str, int]
    tax_rate: Decimal
    uses_mobile_money: bool
    customers: tuple[CustomerDetails, ...]
    new_customer: CustomerDetails
    options_customer: CustomerDetails
    person: tuple[str, str]
    settings: MerchantSettings
    other_currency: str
    other_price: int
    option_titles: Mapping[str, str]


_ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_FRENCH_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip

ACME = ExampleMerchant(
    slug="acme",
    name="Acme",
    legal_name="Acme Software Inc.",
    address_lines=("410 Union Street", "Seattle, WA 98101", "EIN 00-1234567"),
    about="A software company in Seattle: English, US dollars, cards and bank accounts.",
    currency="USD",
    locale="en",
    timezone="America/Los_Angeles",
    theme="acme",
    support_email="billing@acme.example",
    number_prefix="ACME",
    monthly_title="Team plan, {month}",
    months=_ENGLISH_MONTHS,
    titles={
        "overdue": "Usage, {month}",
        "due": "Extra storage",
        "abandoned": "Priority support",
        "processing": "Data export",
        "requires_action": "Audit log add-on",
        "pending": "Workshop, balance",
        "refunded": "Onboarding session",
        "partially_refunded": "Annual training",
        "canceled": "Extra seats",
        "rejected": "Migration help",
        "expired": "Status page",
        "due_later": "Security review",
    },
    monthly_amount=22000,
    amounts={
        "overdue": 8640,
        "due": 4900,
        "abandoned": 9900,
        "processing": 12500,
        "requires_action": 4500,
        "pending": 45000,
        "refunded": 18000,
        "partially_refunded": 60000,
        "canceled": 7600,
        "rejected": 15000,
        "expired": 2900,
        "due_later": 125000,
    },
    tax_rate=Decimal("8.9"),
    uses_mobile_money=False,
    customers=(
        CustomerDetails(
            reference="C-1001",
            name="Maya Lindqvist",
            company_name="Lindqvist Studio",
            type="business",
            email="maya@lindqvist.example",
            phone="+12065550148",
            locale="en",
            billing_address={
                "line1": "1220 Pine Street, Suite 4",
                "city": "Seattle",
                "state": "WA",
                "postal_code": "98101",
                "country": "US",
            },
        ),
        CustomerDetails(
            reference="C-1002",
            name="Jonas Weber",
            company_name="Weber & Söhne GmbH",
            type="business",
            email="jonas@weber.example",
            phone="+4930901820",
            locale="en",
            billing_address={"line1": "Torstraße 12", "city": "Berlin", "postal_code": "10119", "country": "DE"},
        ),
    ),
    new_customer=CustomerDetails(reference="C-1003", name="Noor Haddad", email="noor@haddad.example", locale="en"),
    options_customer=CustomerDetails(
        reference="C-1004", name="Sofia Marin", email="sofia@marin.example", phone="+12065550171", locale="en"
    ),
    person=("Ingrid Moreau", "ingrid@moreau.example"),
    settings=MerchantSettings(
        amounts=Amounts(
            mode="editable",
            split=True,
            credit={
                "USD": Limits(minimum="10.00", maximum="500.00", presets=("25.00", "50.00", "100.00")),
                "EUR": Limits(minimum="10.00", maximum="500.00", presets=("25.00", "50.00")),
            },
        ),
        transfer={
            "USD": TransferAccount(holder="Acme Software Inc.", account="021000021 · 9876543210", bank="Example Bank"),
            "EUR": TransferAccount(holder="Acme Software Inc.", iban="DE89 3704 0044 0532 0130 00", bic="COBADEFFXXX"),
        },
        promises=Promises(days=14),
    ),
    other_currency="EUR",
    other_price=44900,
    option_titles={
        "deposit": "Workshop in May",
        "two_prices": "Licence, one year",
        "other_currency": "Hosting in Frankfurt",
        "editable_after_insufficient_funds": "Extra seats, six months",
        "fixed": "Domain, one year",
        "presets": "Support credits",
    },
)

SAVANE = ExampleMerchant(
    slug="savane",
    name="Savane Énergie",
    legal_name="Savane Énergie SA",
    address_lines=("Boulevard de la Liberté", "BP 4120 Douala", "NIU M012345678901X"),
    about="Une entreprise d’énergie à Douala : en français, en francs CFA, payée par téléphone et par carte.",
    currency="XAF",
    locale="fr",
    timezone="Africa/Douala",
    theme="savane",
    support_email="aide@savane.example",
    number_prefix="SAV",
    monthly_title="Électricité, {month}",
    months=_FRENCH_MONTHS,
    titles={
        "overdue": "Relevé, {month}",
        "due": "Entretien annuel du compteur",
        "abandoned": "Coffret de protection",
        "processing": "Batterie de secours",
        "requires_action": "Lampadaire solaire",
        "pending": "Kit solaire, mensualité 6 sur 12",
        "refunded": "Contrôle du compteur",
        "partially_refunded": "Pose du compteur",
        "canceled": "Rallonge extérieure",
        "rejected": "Déplacement",
        "expired": "Kit solaire, mensualité 5 sur 12",
        "due_later": "Extension de puissance",
    },
    monthly_amount=15475,
    amounts={
        "overdue": 5000,
        "due": 4200,
        "abandoned": 7500,
        "processing": 21000,
        "requires_action": 9000,
        "pending": 12500,
        "refunded": 5000,
        "partially_refunded": 40000,
        "canceled": 3500,
        "rejected": 6000,
        "expired": 12500,
        "due_later": 65000,
    },
    tax_rate=Decimal("19.25"),
    uses_mobile_money=True,
    customers=(
        CustomerDetails(
            reference="AB-204",
            name="Aïcha Njoya",
            company_name="Boulangerie Njoya",
            type="business",
            email="aicha@njoya.example",
            phone="+237677000012",
            locale="fr",
            billing_address={"line1": "Rue Joss, Bonanjo", "city": "Douala", "country": "CM"},
        ),
        CustomerDetails(
            reference="AB-311",
            name="Paul Etoundi",
            email="paul@etoundi.example",
            phone="+237699000034",
            locale="fr",
            billing_address={"line1": "Quartier Bastos", "city": "Yaoundé", "country": "CM"},
        ),
        CustomerDetails(
            reference="AB-350",
            name="يوسف إبراهيم",
            company_name="مخبز النخيل",
            type="business",
            email="youssef@nakhil.example",
            phone="+23566000056",
            locale="ar",
            billing_address={"line1": "شارع شارل ديغول", "city": "أنجمينا", "country": "TD"},
        ),
    ),
    new_customer=CustomerDetails(reference="AB-377", name="Grâce Mballa", email="grace@mballa.example", locale="fr"),
    options_customer=CustomerDetails(
        reference="AB-402", name="Samuel Ngono", email="samuel@ngono.example", phone="+237677000000", locale="fr"
    ),
    person=("Clarisse Abena", "clarisse@abena.example"),
    settings=MerchantSettings(
        amounts=Amounts(
            mode="editable",
            split=True,
            credit={
                "XAF": Limits(minimum="1000", maximum="200000", presets=("5000", "10000", "25000")),
                "EUR": Limits(minimum="5.00", maximum="300.00", presets=("10.00", "25.00")),
            },
        ),
        transfer={
            "XAF": TransferAccount(
                holder="Savane Énergie SA", account="10005 00123 01234567890 12", bank="Banque Exemple, Douala"
            ),
        },
        # In Chad papers are in French, one of its two languages; a customer's own stands beside it.
        documents=Documents(languages={"TD": "fr"}),
        promises=Promises(days=7),
        notices=Notices(sign_in_links=True, statement_ready="on"),
    ),
    other_currency="EUR",
    other_price=5630,
    option_titles={
        "deposit": "Kit solaire, pose comprise",
        "two_prices": "Contrat d’entretien, un an",
        "other_currency": "Onduleur importé",
        "editable_after_insufficient_funds": "Batterie supplémentaire",
        "fixed": "Frais de dossier",
        "presets": "Recharge prépayée",
    },
)

EXAMPLE_MERCHANTS = (ACME, SAVANE)
