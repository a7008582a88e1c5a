"""Builds the page of the second step from rows: the review of what Pay pays, or why it cannot. No queries, no texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from portal.checkout.pages import ReviewPage
from portal.checkout.queries import Checkout
from portal.payment_methods.pages import MethodLabel
from portal.payments.errors import TooManyAttempts, TooManyPrompts
from portal.payments.page_builders.addresses import retry_url
from portal.payments.pages import PaidInvoice
from portal.payments.queries.shares import Share, shown_version
from portal.payments.rules.amounts import Part
from portal.payments.rules.choices import FirstPart, Prompt


def find_choice_fault(checkout: Checkout, method_ids: Collection[str]) -> Mapping[str, str]:
    """Return what of an open checkout cannot be paid as it was chosen, by its field: the customer has to repeat step one."""
    if checkout.method_id is not None and checkout.method_id not in method_ids:
        return {"payment_method": "unknown"}
    fault = checkout.find_fault()
    is_open = checkout.is_top_up or any(share.due for share in checkout.shares)
    return {fault.field: fault.code} if fault is not None and is_open else {}


def ended_by(checkout: Checkout, gateway_name: str | None, *, at: datetime) -> str:
    """Return what ended a checkout, as `ReviewPage.ended_by`; "" while it can be confirmed. `gateway_name` is that of the merchant's
    gateway now; credit alone needs none."""
    if checkout.status == "canceled":
        return "customer"
    if checkout.status != "incomplete" or checkout.expires_at <= at:
        return "time"
    return "" if checkout.gateway in (None, gateway_name) else "change"


def refused_state(refused: TooManyAttempts) -> str:
    """Return the `state` of the review of a payment that a limit refused."""
    return "too_many_prompts" if isinstance(refused, TooManyPrompts) else "too_many"


def next_minute(instant: datetime) -> datetime:
    """Return the first full minute that is not before an instant: pages show no seconds."""
    return instant.replace(second=0, microsecond=0) + timedelta(minutes=bool(instant.second or instant.microsecond))


def review_state(checkout: Checkout, *, ended_by: str, has_changed: bool = False) -> str:
    """Return the `state` of the review: that of the invoices comes first, also where the checkout itself has ended."""
    pricing = checkout.price_now()
    if checkout.is_being_paid:
        return "in_progress"
    if checkout.is_settled:
        return "settled"
    if ended_by or pricing is None:
        return "expired"
    is_other = shown_version(checkout.id, pricing, None) != shown_version(checkout.id, checkout.chosen, None)
    return "changed" if has_changed or is_other else "ready"


def build_review_page(
    checkout: Checkout,
    *,
    state: str,
    ended_by: str,
    method: MethodLabel | None,
    payee: str,
    gateway_name: str,
    root: str,
    other_payment_id: str | None,
    until: datetime | None = None,
    receipt_to: str | None = None,
    owed: int = 0,
    is_gateway_slow: bool = False,
) -> ReviewPage:
    """Build step two, with the current amounts, in a `review_state`, or in a state "too_many…" with `until`. `owed` is all that the
    customer owes in its currency and that no payment holds."""
    pricing = checkout.price_now()
    shown = pricing or checkout.chosen
    is_first_part = isinstance(checkout.choice.amount, FirstPart)
    shares = {share.invoice_id: share for share in checkout.shares}
    paid = [(part, shares[part.invoice_id]) for part in shown.parts] if pricing else []
    return ReviewPage(
        payment_id=checkout.id,
        state=state,
        amount=shown.charge if pricing else 0,
        currency=checkout.currency,
        payee=payee,
        shares=tuple(
            PaidInvoice(
                part.invoice_id,
                share.number,
                share.title,
                part.price,
                left=_left(share, part),
                left_currency=share.due.currency if share.due else "",
            )
            for part, share in paid
        ),
        method=method,
        gateway_name=gateway_name,
        version=shown_version(checkout.id, shown, checkout.method_id),
        change_url=_change_url(checkout, [part.invoice_id for part, _ in paid], root),
        back_url=root + back_path(checkout),
        credit_amount=shown.credit,
        is_top_up=checkout.is_top_up,
        rest_amount=_rest(checkout) - shown.total if is_first_part and pricing else 0,
        phone=checkout.choice.way.phone if isinstance(checkout.choice.way, Prompt) else None,
        ended_by=ended_by or "change",
        can_cancel=checkout.status == "incomplete" and ended_by != "time",
        until=until,
        other_payment_id=other_payment_id,
        receipt_to=receipt_to,
        open_after=max(0, owed - sum(part.share for part, share in paid if _is_of(share, checkout.currency))),
        is_gateway_slow=is_gateway_slow and shown.charge > 0,
    )


def _is_of(share: Share, currency: str) -> bool:
    return share.due is not None and share.due.currency == currency


def back_path(checkout: Checkout) -> str:
    """Return the path from which the customer came, below the merchant's pages: the one invoice, their list, or the overview."""
    if checkout.is_top_up:
        return "/"
    return f"/invoices/{checkout.shares[0].invoice_id}" if len(checkout.shares) == 1 else "/invoices"


def _change_url(checkout: Checkout, invoice_ids: Sequence[str], root: str) -> str:
    if checkout.status == "incomplete":
        return f"{root}/checkout?payment={checkout.id}"
    if checkout.is_top_up:
        return f"{root}/checkout?top_up={checkout.currency}"
    if checkout.split_of:
        return f"{root}/checkout?split={checkout.split_of}"
    return retry_url(root, checkout.id, invoice_ids) if invoice_ids else f"{root}/invoices"


def _left(share: Share, part: Part) -> int:
    """Return what is left of the invoice after this payment, in its own currency."""
    return share.due.left - part.share if share.due else 0


def _rest(checkout: Checkout) -> int:
    """Return all that is due of the checkout's invoices, in its currency."""
    return sum(share.due.price_in(checkout.currency) or 0 for share in checkout.shares if share.due)
