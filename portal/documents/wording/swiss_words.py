"""The headings of a Swiss QR-bill in the standard's four languages (SIX, Implementation Guidelines QR-bill 2.3, annex D); never
translated otherwise: banks and payers know them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NAMES = (
    "payment_part", "account", "reference", "message", "currency", "amount", "receipt", "acceptance_point", "separate",
    "payer", "payer_by_hand",
)  # fmt: skip
_HEADINGS = {
    "en": (
        "Payment part", "Account / Payable to", "Reference", "Additional information", "Currency", "Amount", "Receipt",
        "Acceptance point", "Separate before paying in", "Payable by", "Payable by (name/address)",
    ),
    "de": (
        "Zahlteil", "Konto / Zahlbar an", "Referenz", "Zusätzliche Informationen", "Währung", "Betrag", "Empfangsschein",
        "Annahmestelle", "Vor der Einzahlung abzutrennen", "Zahlbar durch", "Zahlbar durch (Name/Adresse)",
    ),
    "fr": (
        "Section paiement", "Compte / Payable à", "Référence", "Informations supplémentaires", "Monnaie", "Montant", "Récépissé",
        "Point de dépôt", "A détacher avant le versement", "Payable par", "Payable par (nom/adresse)",
    ),
    "it": (
        "Sezione pagamento", "Conto / Pagabile a", "Riferimento", "Informazioni supplementari", "Valuta", "Importo", "Ricevuta",
        "Punto di accettazione", "Da staccare prima del versamento", "Pagabile da", "Pagabile da (nome/indirizzo)",
    ),
}  # fmt: skip

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {language: dict(zip(_NAMES, headings, strict=True)) for language, headings in _HEADINGS.items()}
)
"""By language, then by what the heading stands above."""
