"""What can go wrong on the way to a payment, named after the fact."""

from __future__ import annotations

from typing import ClassVar

from portal.errors import PortalError


class CheckoutFault(PortalError):
    """A choice at the checkout is refused. `field` is the form field, `code` the reason, as `checkout.pages.ChoosePage` says."""

    field: ClassVar[str] = "invoice"
    code: ClassVar[str] = "missing"


class NoInvoiceChosen(CheckoutFault):
    sentence = "No invoice was chosen."


class InvoiceSettled(CheckoutFault):
    code = "settled"
    sentence = "There is nothing left to pay on this invoice."


class CurrenciesMixed(CheckoutFault):
    code = "currencies"
    sentence = "A payment can only be in one currency."


class TooMuchTogether(CheckoutFault):
    """The invoices sum to more than one payment can be (`money.MAX_AMOUNT`)."""

    code = "too_much"
    sentence = "These invoices together are more than one payment can be."


class InvoiceBeingPaid(CheckoutFault):
    """Another payment holds the invoice. `payment_id` is that one, None when this customer may not see it."""

    status = 409
    code = "in_progress"
    sentence = "This invoice is being paid."

    def __init__(self, payment_id: str | None = None) -> None:
        super().__init__()
        self.payment_id = payment_id


class OrderNumberMissing(CheckoutFault):
    """The merchant needs the customer's order number before it is paid, and there is none yet."""

    field = "purchase_order"
    sentence = "Enter your order number."


class OrderNumberUnreadable(CheckoutFault):
    field = "purchase_order"
    code = "unreadable"
    sentence = "This order number cannot be saved. It has 255 characters at most."


class MethodMissing(CheckoutFault):
    field = "payment_method"
    sentence = "No payment method was chosen."


class MethodUnknown(CheckoutFault):
    field = "payment_method"
    code = "unknown"
    sentence = "This payment method can no longer be used."


class MethodExpired(CheckoutFault):
    field = "payment_method"
    code = "expired"
    sentence = "This payment method has expired."


class CurrencyNotAccepted(CheckoutFault):
    field = "payment_method"
    code = "currency"
    sentence = "This payment method does not accept this currency."


class AmountUnreadable(CheckoutFault):
    field = "amount"
    code = "unreadable"
    sentence = "This is not an amount in figures."


class AmountOutOfRange(CheckoutFault):
    """`minimum` and `maximum` are what may be chosen, in minor units of the payment's currency; equal: nothing else than that."""

    field = "amount"

    def __init__(self, minimum: int, maximum: int) -> None:
        super().__init__()
        self.minimum = minimum
        self.maximum = maximum


class AmountTooLow(AmountOutOfRange):
    code = "low"
    sentence = "This is less than the minimum."


class AmountTooHigh(AmountOutOfRange):
    code = "high"
    sentence = "This is more than the maximum."


class RestTooSmall(AmountOutOfRange):
    """What would be left could not be charged by the gateway: all of it is to be paid, or more is to be left."""

    code = "rest"
    sentence = "The rest could no longer be paid."


class AmountUnchargeable(CheckoutFault):
    """The gateway does not charge this amount, and credit does not pay all of it. `least` is what it charges at least, in minor units."""

    field = "amount"
    code = "unchargeable"
    sentence = "The payment provider does not charge such an amount."

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least = least


class AmountNotDivisible(CheckoutFault):
    field = "amount"
    code = "unplaceable"
    sentence = (
        "This amount cannot be split over these invoices: some can only be paid in full, or have limits of their own."
    )


class FirstPartTooSmall(CheckoutFault):
    """The first payment of a split pays some of the invoices in full and omits others, which the second would not include."""

    field = "amount"
    code = "unreached"
    sentence = "This amount does not reach all of these invoices."


class DepositNotOffered(CheckoutFault):
    """The invoice has no deposit, or a part of it is paid or held already."""

    field = "amount"
    code = "not_allowed"
    sentence = "A deposit is no longer offered for this."


class TopUpNotAllowed(CheckoutFault):
    field = "amount"
    code = "not_allowed"
    sentence = "Credit cannot be added in this currency."


class SplitNotAllowed(CheckoutFault):
    field = "amount"
    code = "not_allowed"
    sentence = "This merchant accepts one payment method for each invoice."


class PhoneUnreadable(CheckoutFault):
    field = "phone"
    code = "unreadable"
    sentence = "No request can be sent to this phone number."


class CheckoutEnded(PortalError):
    """The checkout expired, was cancelled, or was superseded by a newer one."""

    status = 409
    sentence = "This checkout has ended. Nothing was taken."


class AmountChanged(PortalError):
    """The amount due changed since it was shown: the customer has to confirm the new amount."""

    sentence = "The amount has changed in the meantime. Nothing was taken."


class TooManyAttempts(PortalError):
    """The limit of payment attempts an hour is reached; `seconds` until the next attempt is allowed."""

    status = 429
    sentence = "Too many payments were attempted in the last hour. Nothing was taken."

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class TooManyPrompts(TooManyAttempts):
    """The limit of prompts an hour to a telephone, or to all telephones of the customer, is reached."""

    sentence = "Too many requests were sent to this phone in the last hour. Nothing was taken."


class NoGateway(PortalError):
    status = 409
    sentence = "This merchant does not accept payments here at the moment. Nothing was taken."
