"""The page of a pay link: one invoice, how it stands, and the choice of how to pay it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel import Locale
from flask import Response, g, request

from portal.checkout.forms.choices import choice_from
from portal.checkout.forms.fields import TELEPHONE, CheckoutFields, posted_fields
from portal.checkout.page_builders.choose import (
    CheckoutContext,
    build_choose_page,
)
from portal.checkout.pages import ChoosePage
from portal.checkout.queries import list_chosen
from portal.checkout.rules import list_channels
from portal.customer_pages.context import (
    current_services,
    now,
    pay_link_reader,
    today,
)
from portal.customers.queries.customers import get_contact
from portal.database import Reader
from portal.gateways.contract import ANY_AMOUNT, NO_LIMITS, Capabilities, Gateway
from portal.guest_checkout.page_builders import build_pay_link_page
from portal.guest_checkout.views.links import current_link, ends_on, redirect_below
from portal.invoices.page_builders import build_invoice_page, build_transfer_way
from portal.invoices.pages import InvoicePage, Party, TransferWay
from portal.invoices.queries.invoice_page import read_invoice_page
from portal.invoices.rules import is_payable
from portal.pay_links.queries import PayLinkState
from portal.payment_methods.pages import BRAND_NAMES
from portal.payments.errors import (
    CheckoutFault,
    InvoiceBeingPaid,
    NoGateway,
)
from portal.payments.operations.by_link import LinkChoice, begin_by_link
from portal.payments.operations.checkouts import find_refused_amount
from portal.payments.operations.paying import look_up_for_page
from portal.payments.queries.by_link import find_paid_by_link
from portal.payments.queries.holders import list_holders
from portal.payments.queries.payment_page import list_invoice_shares
from portal.payments.queries.payments import find_payment
from portal.payments.rules.choices import Choice, Invoices
from portal.refunds.queries import list_refunds_of
from portal.web.card_numbers import card_number_shown_by, pasted_fields
from portal.web.devices import device_class
from portal.web.policies import pay_link
from portal.web.render import render_page
from portal.web.runtime import is_gateway_slow

_NO_FAULTS: Mapping[str, str] = MappingProxyType({})
_UNPROCESSABLE, _CONFLICT = 422, 409


@pay_link
def show(token: str) -> Response:
    """The invoice: what it is for, what is left to pay of it, and how; or what became of it. `currency` where it has several prices."""
    return show_invoice(CheckoutFields(currency=request.args.get("currency")))


def _refuse_card_number(token: str) -> Response:
    return show_invoice(posted_fields(), faults=dict.fromkeys(pasted_fields(), "card_number"), status=_UNPROCESSABLE)


@pay_link
@card_number_shown_by(_refuse_card_number, fields=("amount", "phone"))
def begin(token: str) -> Response:
    """Create the checkout and redirect to its review; a choice that is refused is shown again, as it was made."""
    gateway, fields = current_services().gateways.find(g.merchant.id), posted_fields()
    try:
        choice = choice_from(
            _own(fields, current_link()), gateway, usual_currency=_invoice_currency(), locale=g.shell.locale
        )
        try:
            payment_id = _begin(choice, gateway)
        except InvoiceBeingPaid as refusal:
            if refusal.payment_id is None:
                raise
            look_up_for_page(current_services(), g.merchant.id, refusal.payment_id)
            payment_id = _begin(choice, gateway)
    except NoGateway:
        return show_invoice(fields, status=_CONFLICT)
    except CheckoutFault as fault:
        return show_invoice(fields, faults={fault.field: fault.code}, status=_UNPROCESSABLE)
    return redirect_below(f"/checkout/{payment_id}")


def _own(fields: CheckoutFields, link: PayLinkState) -> CheckoutFields:
    """Return of what was posted that which somebody with the link chooses: the invoice is the link's, and nothing is the customer's."""
    return CheckoutFields(
        invoice_ids=[link.invoice_id],
        currency=fields.currency,
        payment_method=fields.payment_method,
        amount_choice=fields.amount_choice,
        amount=fields.amount,
        use_credit=False,
        channel=fields.channel,
        phone=fields.phone or "",
    )


def _begin(choice: Choice, gateway: Gateway | None) -> str:
    services, what = current_services(), choice.what
    assert isinstance(what, Invoices), "the fields name the link's invoice"
    return services.database.run(
        lambda session: begin_by_link(
            session,
            current_link(),
            LinkChoice(choice.way, choice.amount, what.currency),
            gateway=gateway.name if gateway else None,
            expires_after=timedelta(hours=services.settings.payment_expires_hours),
            actor=pay_link_reader(),
            device=device_class(request.user_agent.string) or None,
            charge_limits=gateway.capabilities.charge_limits if gateway else NO_LIMITS,
            at=now(),
        )
    )


def _invoice_currency() -> str:
    with current_services().database.read() as reader:
        return read_invoice_page(reader, current_link().scope, current_link().invoice_id).record.currency


@dataclass(frozen=True, slots=True)
class _Read:
    """The invoice and what is known of paying it, as read in one transaction. `holder` is a payment that holds it, `payment_id` the same
    where this link made it, `receipt_of` the newest that was paid by this link."""

    invoice: InvoicePage
    transfer: TransferWay | None
    choice: ChoosePage
    holder: str | None
    payment_id: str | None
    receipt_of: str | None
    ends_on: date | None
    has_mail: bool


def show_invoice(fields: CheckoutFields, *, faults: Mapping[str, str] = _NO_FAULTS, status: int = 200) -> Response:
    """The page of the invoice with what was chosen so far; `faults` by field. A payment that holds it is looked up at the gateway first."""
    link, gateway = current_link(), current_services().gateways.find(g.merchant.id)
    # What is said of the invoice is what is so now, whatever a refused choice met.
    of_fields = {name: code for name, code in faults.items() if name != "invoice"}
    found = _read(link, fields, gateway, of_fields)
    if found.holder is not None:
        look_up_for_page(current_services(), link.merchant_id, found.holder)
        found = _read(link, fields, gateway, of_fields)
    page = build_pay_link_page(
        found.invoice,
        found.choice,
        path=g.pay_path,
        payee=g.merchant.legal_name,
        shows_buyer=g.merchant.settings.documents.pay_link_bill_to,
        transfer=found.transfer,
        payment_id=found.payment_id,
        receipt_of=found.receipt_of,
        ends_on=found.ends_on,
        has_mail=found.has_mail,
    )
    return render_page("pay_links/invoice.html", page, status)


def _read(link: PayLinkState, fields: CheckoutFields, gateway: Gateway | None, faults: Mapping[str, str]) -> _Read:
    with current_services().database.read() as reader:
        holder = next(iter(list_holders(reader, link.scope, link.invoice_id)), None)
        held_by = find_payment(reader, link.scope, holder) if holder else None
        paid = find_paid_by_link(reader, link.scope, link.id)
        return _Read(
            invoice=_invoice_page(reader, link),
            transfer=_transfer(reader, link),
            choice=_choice_page(reader, link, fields, gateway, faults),
            holder=holder,
            payment_id=holder if held_by is not None and held_by.pay_link_id == link.id else None,
            receipt_of=paid.id if paid is not None else None,
            ends_on=ends_on(reader),
            has_mail=bool(get_contact(reader, link.scope).email),
        )


def _transfer(reader: Reader, link: PayLinkState) -> TransferWay | None:
    record = read_invoice_page(reader, link.scope, link.invoice_id).record
    account = g.merchant.settings.transfer.get(record.currency)
    if account is None or not is_payable(record.status, record.amount_due, record.amount_reserved):
        return None
    return build_transfer_way(record, account)


def _invoice_page(reader: Reader, link: PayLinkState) -> InvoicePage:
    found = read_invoice_page(reader, link.scope, link.invoice_id)
    shares = list_invoice_shares(reader, link.scope, link.invoice_id, now=now())
    went_back = [share.payment_id for share in shares if share.status in ("partially_refunded", "refunded")]
    return build_invoice_page(
        replace(found, default_method=None),
        shares,
        list_refunds_of(reader, link.scope, went_back),
        seller=Party(g.merchant.legal_name, tuple(line for line in g.merchant.address_lines if line)),
        buyer_name="",
        country_name=_country_name,
        zone=ZoneInfo(g.merchant.timezone),
        today=today(),
        root=g.pay_path,
        can_pay=False,
    )


def _choice_page(
    reader: Reader, link: PayLinkState, fields: CheckoutFields, gateway: Gateway | None, faults: Mapping[str, str]
) -> ChoosePage:
    """The first step of the checkout for this invoice alone: without saved methods, credit, a second payment and known telephones."""
    options = replace(g.merchant.options, allow_split=False)
    chosen = list_chosen(reader, link.scope, [link.invoice_id], options)
    currency = fields.currency or (chosen[0].currency if chosen else g.merchant.currency)
    able = gateway.capabilities if gateway is not None and gateway.capabilities.accepts(currency) else Capabilities()
    context = CheckoutContext(
        payee=g.merchant.legal_name,
        gateway_name=gateway.title if gateway else "",
        limits=able.charge_limits.get(currency, ANY_AMOUNT),
        is_gateway_slow=is_gateway_slow(link.merchant_id, gateway.name if gateway else None),
        can_add=able.hosted_page,
        can_save=False,
        options=options,
        usual_currency=currency,
        refused_amount=find_refused_amount(reader, link.scope, [link.invoice_id], currency, pay_link_id=link.id),
        channels=tuple(
            (channel.id, BRAND_NAMES.get(channel.brand, channel.brand)) for channel in list_channels(gateway, currency)
        ),
        page_types=able.page_types,
    )
    if fields.payment_method is None and context.channels:
        # Where money is on telephones, and nobody has a method here, that is the way that is proposed.
        fields = replace(fields, payment_method=TELEPHONE)
    return build_choose_page(
        fields,
        chosen,
        chosen,
        [],
        context,
        root=g.pay_path,
        today=today(),
        now=now(),
        zone=ZoneInfo(g.merchant.timezone),
        locale=g.shell.locale,
        faults=faults or ({"invoice": "in_progress"} if any(invoice.is_held for invoice in chosen) else {}),
        held_by=None,
    )


def _country_name(code: str) -> str:
    name = Locale.parse(g.shell.locale, sep="-" if "-" in g.shell.locale else "_").territories.get(code.upper(), code)
    return str(name)
