"""The shape of what is typed when signing in; what it means is decided elsewhere.

Nothing here raises for bytes of any kind: what cannot be read is a fault of the field (threats 20, 39).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import ValidationError

from portal.sign_in.rules.challenges import MAX_ADDRESS_LENGTH, CodeFault, is_address, read_code

_MAX_ECHOED = 300


class AddressForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types.
    """`email`, once, and `next`. Its first error is "missing" or "malformed"."""

    class Meta:
        csrf = False  # The guard checks every unsafe request before any view.

    email = StringField()
    next = HiddenField()

    def validate_email(self, field: StringField) -> None:
        values = [value.strip() for value in field.raw_data or []]
        if not any(values):
            raise ValidationError("missing")
        if len(values) != 1 or not is_address(values[0]):
            raise ValidationError("malformed")

    @property
    def address(self) -> str:
        """What was typed, trimmed."""
        return (self.email.data or "").strip()

    @property
    def fault(self) -> str | None:
        """The first fault, as the page names it."""
        errors: Any = self.email.errors
        return str(errors[0]) if errors else None


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types.
    """`code`, once, and on the page of several accounts `account`."""

    class Meta:
        csrf = False  # As above.

    code = StringField()
    account = StringField()


@dataclass(frozen=True, slots=True)
class TypedCode:
    """A code as typed, for the page to show again, and as read."""

    shown: str
    read: str | CodeFault


def typed_code(form: CodeForm) -> TypedCode:
    """Return the code of a form; a field that is sent twice is invalid."""
    values = form.code.raw_data or []
    text = str(values[0]) if values else ""
    return TypedCode(echoed(text), read_code(text) if len(values) <= 1 else CodeFault(0))


def echoed(text: str) -> str:
    """Return the printable characters of an input, cut to a length that a page may repeat."""
    return "".join(character for character in text[:_MAX_ECHOED] if unicodedata.category(character)[0] != "C")[
        :MAX_ADDRESS_LENGTH
    ]
