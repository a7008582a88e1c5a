"""The texts and formats of one language, as papers use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.money import exponent
from portal.rendering.formats import MINUS, Formats, formats_for
from portal.rendering.translations import Translator, translator


@dataclass(frozen=True, slots=True)
class Words:
    """The texts and formats of one language."""

    locale: str
    texts: Translator
    formats: Formats

    def money(self, amount: int, currency: str) -> str:
        return self.formats.money(amount, currency)

    def figure(self, amount: int, currency: str) -> str:
        """Return an amount without its currency, for a column whose head names it."""
        parts = self.formats.money_parts(amount, currency)
        return f"{MINUS if amount < 0 else ''}{parts.whole}{parts.part}"

    def price(self, amount: Decimal | None, currency: str) -> str:
        """Return a unit price without its currency, with all the decimals that it was written with."""
        if amount is None:
            return ""
        if amount == amount.to_integral_value():
            return self.figure(int(amount), currency)
        return self.formats.number(amount.scaleb(-exponent(currency)))

    def rate(self, rate: Decimal | None) -> str:
        """Return a rate in per cent as the language writes it: 8%, 19,25 %."""
        if rate is None:
            return ""
        return self.texts.pgettext("paper", "%(rate)s%%", rate=self.formats.number(rate))

    def day(self, day: date) -> str:
        return self.formats.day(day)

    def country(self, code: str) -> str:
        from babel import Locale

        if not code:
            return ""
        return str(Locale.parse(self.locale.replace("-", "_")).territories.get(code.upper(), code))


def words_of(locale: str) -> Words:
    """Return the words of an available language."""
    return Words(locale, translator(locale), formats_for(locale))
