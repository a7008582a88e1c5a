"""The shape of what the checkout's first step posts; what it means is decided below."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectMultipleField, StringField
from wtforms.validators import Length

LONGEST_ID = 40


class CheckoutForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types
    """`invoice` once for each invoice; `payment_method` is `pm_…` or `new`. Another site's request is refused before this."""

    class Meta:
        csrf = False

    invoice = SelectMultipleField(validate_choice=False)
    payment_method = StringField(validators=[Length(max=LONGEST_ID)])
    save_method = BooleanField()
