"""The fields of the checkout's first step: as they are posted, and as a page fills them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectMultipleField, StringField
from wtforms.validators import Length

NEW_METHOD, TELEPHONE = "new", "telephone"
"""Values of the radio `payment_method` beside `pm_…`: the gateway's page, and a telephone (`channel` and `phone`)."""
DEFAULT_METHOD = "default"
"""The value of `payment_method` in a form that pays without a choice: the customer's default method, where it can be charged."""
FULL, DEPOSIT, OTHER, SPLIT = "full", "deposit", "other", "split"
"""Values of the radio `amount_choice` beside a preset in minor units; the last two go with the texts `amount` and `first_amount`."""
MAX_ID_LENGTH = 40
_MAX_AMOUNT_LENGTH = 40
_MAX_PHONE_LENGTH = 40
_MAX_SHOWN_LENGTH = 40
_MAX_ORDER_NUMBER_SHOWN = 300


class CheckoutForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF brings no types
    """`invoice` once for each invoice, or all `overdue` or `outstanding` ones of a currency, or `top_up` with a currency;
    `payment_method` is `pm_…`, `new`, `telephone` or `default`.

    `amount_choice` is full, deposit, a preset in minor units, other with the text `amount`, or split with `first_amount`. Another
    site's request is refused before this.
    """

    class Meta:
        csrf = False

    invoice = SelectMultipleField(validate_choice=False)
    payment_method = StringField(validators=[Length(max=MAX_ID_LENGTH)])
    save_method = BooleanField()
    currency = StringField(validators=[Length(max=3)])
    top_up = StringField(validators=[Length(max=3)])
    overdue = StringField(validators=[Length(max=3)])
    outstanding = StringField(validators=[Length(max=3)])
    split_of = StringField(validators=[Length(max=MAX_ID_LENGTH)])
    amount_choice = StringField(validators=[Length(max=20)])
    amount = StringField(validators=[Length(max=_MAX_AMOUNT_LENGTH)])
    first_amount = StringField(validators=[Length(max=_MAX_AMOUNT_LENGTH)])
    use_credit = BooleanField()
    channel = StringField(validators=[Length(max=MAX_ID_LENGTH)])
    phone = StringField(validators=[Length(max=_MAX_PHONE_LENGTH)])
    purchase_order = StringField()


@dataclass(frozen=True, slots=True)
class CheckoutFields:
    """The texts in the fields of a CheckoutForm: from an address, as they were posted, or written back from a choice.

    `payment_method` None: a first visit, on which the page proposes one. `currency` None is the invoices' own; `top_up` is a currency;
    `split_of` the first of two payments, `overdue` and `outstanding` currencies of which all such invoices are meant. `phone` None:
    the number that the customer left. `purchase_order` is read where the merchant requires an order number that is not there yet.
    """

    invoice_ids: Sequence[str] = ()
    currency: str | None = None
    top_up: str | None = None
    split_of: str | None = None
    overdue: str | None = None
    outstanding: str | None = None
    payment_method: str | None = None
    save_method: bool = False
    amount_choice: str = ""
    amount: str = ""
    first_amount: str = ""
    use_credit: bool = True
    channel: str = ""
    phone: str | None = None
    purchase_order: str = ""


def posted_fields() -> CheckoutFields:
    """Return what the request posted. Values that are too long are truncated, and a method that is too long is unknown."""
    form = CheckoutForm()
    payment_method = form.payment_method.data or ""
    return CheckoutFields(
        invoice_ids=form.invoice.data or [],
        currency=form.currency.data or None,
        top_up=form.top_up.data or None,
        split_of=form.split_of.data or None,
        overdue=form.overdue.data or None,
        outstanding=form.outstanding.data or None,
        payment_method=payment_method if form.validate() else "unknown",
        save_method=form.save_method.data,
        amount_choice=form.amount_choice.data or "",
        amount=(form.amount.data or "")[:_MAX_SHOWN_LENGTH],
        # A theme's page of before has one field for both.
        first_amount=((form.first_amount if form.first_amount.raw_data else form.amount).data or "")[
            :_MAX_SHOWN_LENGTH
        ],
        use_credit=form.use_credit.data,
        channel=form.channel.data or "",
        phone=(form.phone.data or "")[:_MAX_SHOWN_LENGTH],
        purchase_order=(form.purchase_order.data or "").strip()[:_MAX_ORDER_NUMBER_SHOWN],
    )
