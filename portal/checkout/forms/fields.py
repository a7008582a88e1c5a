"""The shape of what the checkout's first step posts; what it means is decided in the domain."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectMultipleField, StringField
from wtforms.validators import Length

LONGEST_ID = 40
_LONGEST_AMOUNT = 40
_LONGEST_PHONE = 40


class CheckoutForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types
    """`invoice` once for each invoice, or `top_up` with a currency; `payment_method` is `pm_…`, `new` or `telephone`.

    `amount_choice` is full, deposit, a preset in minor units, other or split, the last two with the text `amount`. Another
    site's request is refused before this.
    """

    class Meta:
        csrf = False

    invoice = SelectMultipleField(validate_choice=False)
    payment_method = StringField(validators=[Length(max=LONGEST_ID)])
    save_method = BooleanField()
    currency = StringField(validators=[Length(max=3)])
    top_up = StringField(validators=[Length(max=3)])
    split_of = StringField(validators=[Length(max=LONGEST_ID)])
    amount_choice = StringField(validators=[Length(max=20)])
    amount = StringField(validators=[Length(max=_LONGEST_AMOUNT)])
    use_credit = BooleanField()
    channel = StringField(validators=[Length(max=LONGEST_ID)])
    phone = StringField(validators=[Length(max=_LONGEST_PHONE)])
