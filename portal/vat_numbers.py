"""Numbers for value added tax as invoices write them: the country before the number. No network."""

from __future__ import annotations

import re

from stdnum.eu import vat

from portal.countries import is_country

_FORM = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}", re.ASCII)
_OTHER_PREFIXES = frozenset({"EL", "XI"})


def is_vat_number(text: str) -> bool:
    """Whether a number is one for value added tax as EN 16931 takes it: its country before it, and its check digits
    right where that is in the EU."""
    if not _FORM.fullmatch(text) or not (is_country(text[:2]) or text[:2] in _OTHER_PREFIXES):
        return False
    is_of_union = text[:2] == "EL" or text[:2].lower() in vat.MEMBER_STATES
    return not is_of_union or vat.is_valid(text)
