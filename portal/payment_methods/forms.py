"""The form of a new method: shape only; its values are checked by the operations."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField


class NewMethodForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types
    """`nickname`, `default`, and `replaces`, the id of a method. Another site's request is refused before this."""

    class Meta:
        csrf = False

    nickname = StringField()
    default = BooleanField()
    replaces = StringField()
