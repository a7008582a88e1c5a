"""Asking about an invoice or a payment."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from portal.customer_pages.context import (
    current_actor,
    current_scope,
    current_services,
    now,
    reading,
    redirect_to,
    root,
)
from portal.errors import NotFound
from portal.invoices.queries.invoices import get_invoice
from portal.payments.queries.payments import get_payment
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.questions.models import TOPICS
from portal.questions.operations import ask_question
from portal.questions.pages import About, AskPage
from portal.questions.rules import MAX_LENGTH, read_question
from portal.web.card_numbers import card_number_shown_by
from portal.web.policies import signed_in
from portal.web.render import render_page

_UNPROCESSABLE = 422


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of asking."""
    blueprint.add_url_rule("/ask", "ask", ask)
    blueprint.add_url_rule("/ask", "send_question", send, methods=["POST"])


@signed_in(to=Right.READ, by_notice=True)
def ask() -> Response:
    """The form; `invoice` or `payment` is what it is about. `sent` after it was sent."""
    about = _about(request.args.get("invoice", ""), request.args.get("payment", ""))
    if "sent" in request.args:
        return render_page("questions/ask.html", AskPage("sent", g.signed_in.email, about))
    return _page(about)


def _refuse_card_number() -> Response:
    return _page(_posted_about(), fault="card_number")


@signed_in(to=Right.READ, by_notice=True)
@card_number_shown_by(_refuse_card_number, fields=("message",))
def send() -> Response:
    """Keep the question and mail it to the merchant."""
    about = _posted_about()
    if not g.shell.support_email:
        raise NotFound
    text, fault = read_question(request.form.get("message", ""))
    if fault is not None:
        return _page(about, typed=text[: 2 * MAX_LENGTH], fault=fault)
    chosen = request.form.get("topic", "")
    current_services().database.run(
        lambda session: ask_question(
            session, current_scope(), topic=chosen if chosen in TOPICS else "other", text=text,
            object_id=about.id if about else None, actor=current_actor(), at=now(),
        )
    )  # fmt: skip
    return redirect_to(f"/ask?{f'{about.kind}={about.id}&' if about else ''}sent=1")


def _posted_about() -> About | None:
    return _about(request.form.get("invoice", ""), request.form.get("payment", ""))


def _about(invoice_id: str, payment_id: str) -> About | None:
    """Return what the question is about. Raises NotFound for an id that is not one of the customer's, or malformed."""
    scope = current_scope()
    if not invoice_id and not payment_id:
        return None
    if not (is_id("inv", invoice_id) if invoice_id else is_id("pay", payment_id)):
        raise NotFound
    with reading() as reader:
        if invoice_id:
            invoice = get_invoice(reader, scope, invoice_id)
            return About(
                "invoice", invoice.id, f"{root()}/invoices/{invoice.id}", invoice.description, invoice.number, invoice.due_on,
                invoice.total, invoice.currency,
            )  # fmt: skip
        payment = get_payment(reader, scope, payment_id)
    day = g.merchant.day_of(payment.completed_at or payment.created_at)
    return About(
        "payment",
        payment.id,
        f"{root()}/payments/{payment.id}",
        payment.description,
        "",
        day,
        payment.amount,
        payment.currency,
    )


def _page(about: About | None, *, typed: str = "", fault: str = "") -> Response:
    topic = request.form.get("topic", "")
    page = AskPage(
        "form" if g.shell.support_email else "closed",
        g.signed_in.email,
        about,
        topic if topic in TOPICS else "",
        typed,
        fault,
    )
    return render_page("questions/ask.html", page, _UNPROCESSABLE if fault else 200)
