"""What every face reads of a domain: by merchant or by customer, filtered, paged by key; what is outside of the scope is not found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.clock import MovableClock
from portal.customers.errors import CustomerDeleted, UnknownCustomer
from portal.customers.models import Customer
from portal.customers.queries import customers
from portal.database import Reader
from portal.errors import NotFound
from portal.invoices.queries import credit_notes, invoices
from portal.invoices.rules import OUTSTANDING
from portal.paging import FIRST, Cursor, Slice
from portal.payment_methods.queries import methods
from portal.payments.queries import payments
from portal.payments.queries.holders import find_holder, find_other_holders, list_holders
from portal.public_ids import new_id
from portal.refunds import queries as refunds
from portal.services import Services
from portal.tenancy import MerchantScope, ReadScope, Scope
from tests.support.accounts import Account, make_account


@dataclass(frozen=True)
class Shop:
    """Two customers of one merchant, and one of another."""

    own: Account
    other: Account
    stranger: Account

    @property
    def accounts(self) -> tuple[Account, Account, Account]:
        return self.own, self.other, self.stranger

    @property
    def merchant(self) -> MerchantScope:
        return MerchantScope(self.own.scope.merchant_id)


@dataclass(frozen=True)
class Kind:
    """A domain's reads: how a row is made for an account, and how it is found and listed."""

    make: Callable[[Account, datetime], str]
    find: Callable[[Reader, ReadScope, str], Any]
    get: Callable[[Reader, ReadScope, str], Any]
    list: Callable[..., Slice[Any]]
    count: Callable[..., int | None]
    prefix: str


def _credit_note(account: Account, at: datetime) -> str:
    return account.credit_note(account.invoice(created_at=at), 1, number=new_id("n", at))


KINDS = {
    "invoices": Kind(
        lambda account, at: account.invoice(created_at=at),
        invoices.find_invoice, invoices.get_invoice, invoices.list_invoices, invoices.count_invoices, "inv",
    ),
    "payments": Kind(
        lambda account, at: account.payment(created_at=at),
        payments.find_payment, payments.get_payment, payments.list_payments, payments.count_payments, "pay",
    ),
    "methods": Kind(
        lambda account, at: account.method(),
        methods.find_method, methods.get_method, methods.list_methods, methods.count_methods, "pm",
    ),
    "credit notes": Kind(
        _credit_note, credit_notes.find_credit_note, credit_notes.get_credit_note, credit_notes.list_credit_notes,
        credit_notes.count_credit_notes, "cn",
    ),
}  # fmt: skip


@pytest.fixture
def shop(services: Services) -> Shop:
    own = make_account(services)
    return Shop(
        own, make_account(services, merchant_id=own.scope.merchant_id), make_account(services, "savane", name="Awa")
    )


@pytest.fixture
def reader(shop: Shop) -> Iterator[Reader]:
    with shop.own.database.read() as reader:
        yield reader


def _walk(read: Callable[[Cursor], Slice[Any]]) -> tuple[list[str], list[str]]:
    """The ids of all pages on the way to the end, and of those on the way back."""
    page = read(FIRST)
    there = [row.id for row in page.rows]
    while page.has_next:
        page = read(Cursor("after", page.rows[-1].id))
        there += [row.id for row in page.rows]
    back = [row.id for row in page.rows]
    while page.has_previous:
        page = read(Cursor("before", page.rows[0].id))
        back = [row.id for row in page.rows if row.id not in back] + back
    return there, back


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_pages_of_a_list_meet_every_row_once_within_the_scope(
    shop: Shop, reader: Reader, clock: MovableClock, kind: Kind
) -> None:
    made: dict[str, list[str]] = {account.scope.customer_id: [] for account in shop.accounts}
    for account, count in zip(shop.accounts, (5, 3, 2), strict=True):
        for _ in range(count):
            made[account.scope.customer_id].append(kind.make(account, clock.now()))
            clock.advance(minutes=1)
    own, other = made[shop.own.scope.customer_id], made[shop.other.scope.customer_id]

    for scope, ids in ((shop.own.scope, own), (shop.merchant, own + other)):

        def read(cursor: Cursor, scope: ReadScope = scope) -> Slice[Any]:
            return kind.list(reader, scope, cursor=cursor, limit=2)

        there, back = _walk(read)
        assert there == back == sorted(ids, reverse=True)
        assert [kind.get(reader, scope, row.id) for row in read(FIRST).rows] == read(FIRST).rows
        assert kind.count(reader, scope, most=10) == len(ids)
        assert kind.count(reader, scope, most=len(ids) - 1) is None
    named = kind.list(reader, shop.merchant, customer_id=shop.other.scope.customer_id)
    assert [row.id for row in named.rows] == sorted(other, reverse=True)
    assert kind.list(reader, shop.own.scope, customer_id=shop.other.scope.customer_id).rows == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_one_is_found_within_the_scope_alone(shop: Shop, reader: Reader, clock: MovableClock, kind: Kind) -> None:
    own, other, strange = (kind.make(account, clock.now()) for account in shop.accounts)

    assert kind.get(reader, shop.own.scope, own).id == own
    assert kind.get(reader, shop.merchant, other).customer_id == shop.other.scope.customer_id
    for scope, hidden in ((shop.own.scope, other), (shop.own.scope, strange), (shop.merchant, strange)):
        assert kind.find(reader, scope, hidden) is None
        with pytest.raises(NotFound):
            kind.get(reader, scope, hidden)
    for wrong in (new_id(kind.prefix, clock.now()), f"{kind.prefix}_1", "", "cus_1"):
        assert kind.find(reader, shop.merchant, wrong) is None


# --- customers ---


def test_customers_are_found_by_merchant_and_by_themselves(shop: Shop, reader: Reader) -> None:
    own, other, stranger = (account.scope.customer_id for account in shop.accounts)

    assert customers.get_customer(reader, shop.merchant, other).id == other
    assert customers.get_customer(reader, shop.own.scope, own).name == "Maya Lindqvist"
    for scope, hidden in ((shop.own.scope, other), (shop.merchant, stranger)):
        assert customers.find_customer(reader, scope, hidden) is None
        with pytest.raises(UnknownCustomer):
            customers.get_customer(reader, scope, hidden)
    there, back = _walk(lambda cursor: customers.list_customers(reader, shop.merchant, cursor=cursor, limit=1))
    assert there == back == sorted([own, other], reverse=True)
    assert [row.id for row in customers.list_customers(reader, shop.own.scope).rows] == [own]
    assert customers.count_customers(reader, shop.merchant, most=5) == 2


def test_deleted_customer_is_named_as_such_and_never_listed(shop: Shop, reader: Reader, clock: MovableClock) -> None:
    own = shop.own.scope.customer_id
    shop.own.change(Customer, own, deleted_at=clock.now())

    assert customers.find_customer(reader, shop.merchant, own) is None
    assert [row.id for row in customers.list_customers(reader, shop.merchant).rows] == [shop.other.scope.customer_id]
    assert customers.get_contact(reader, shop.own.scope).name == "Maya Lindqvist"
    with pytest.raises(CustomerDeleted):
        customers.get_customer(reader, shop.merchant, own)


def test_customers_are_filtered(shop: Shop, reader: Reader, clock: MovableClock, services: Services) -> None:
    clock.advance(days=1)
    at = clock.now()
    late = make_account(
        services,
        merchant_id=shop.own.scope.merchant_id,
        email="awa@shop.example",
        phone="+237677000001",
        reference="A-1",
    ).scope.customer_id

    def found(scope: ReadScope = shop.merchant, **filters: Any) -> list[str]:
        return [row.id for row in customers.list_customers(reader, scope, **filters).rows]

    assert found(email="AWA@shop.example") == found(phone="+237677000001") == found(reference="A-1") == [late]
    assert found(created_after=at - timedelta(microseconds=1)) == [late]
    assert found(created_after=at) == found(email="nobody@shop.example") == found(phone="+1", reference="A-1") == []
    assert found(MerchantScope(shop.stranger.scope.merchant_id), email="awa@shop.example") == []
    assert customers.count_customers(reader, shop.merchant, most=5, reference="A-1") == 1
    assert customers.find_customer_by_reference(reader, shop.merchant, "A-1") is not None
    assert customers.find_customer_by_reference(reader, shop.own.scope, "A-1") is None


# --- invoices ---


def test_invoices_are_filtered(shop: Shop, reader: Reader) -> None:
    statuses = ("draft", "open", "partially_paid", "paid", "void", "uncollectible")
    ids = {status: shop.own.invoice(status=status, due_in_days=-1, number=f"N-{status}") for status in statuses}
    later = shop.own.invoice(due_in_days=0, number="N-later")
    same_number = shop.other.invoice(number="N-paid")
    today = shop.own.today

    def found(scope: ReadScope = shop.merchant, **filters: Any) -> set[str]:
        return {row.id for row in invoices.list_invoices(reader, scope, **filters).rows}

    for status in statuses:
        assert ids[status] in found(statuses=[status])
        assert found(shop.own.scope, statuses=[status]) - {later} == ({ids[status]} if status != "draft" else set())
    assert found(shop.own.scope, statuses=OUTSTANDING) == {ids["open"], ids["partially_paid"], later}
    assert found(overdue_on=today) == {ids["open"], ids["partially_paid"]}
    assert found(overdue_on=today, statuses=["open", "paid"]) == {ids["open"]}
    assert found(overdue_on=today, statuses=["paid"]) == set()
    assert found(number="N-paid") == {ids["paid"], same_number}
    assert found(number="N-paid", customer_id=shop.own.scope.customer_id) == {ids["paid"]}
    assert ids["draft"] in found() and ids["draft"] not in found(shop.own.scope)
    assert invoices.find_invoice(reader, shop.own.scope, ids["draft"]) is None
    assert invoices.count_invoices(reader, shop.merchant, most=9, statuses=OUTSTANDING) == 4


def test_pages_of_several_statuses_meet_every_row_once(shop: Shop, reader: Reader, clock: MovableClock) -> None:
    ids = []
    for place in range(9):
        ids.append(shop.own.invoice(created_at=clock.now(), status=("open", "partially_paid", "paid")[place % 3]))
        clock.advance(minutes=1)

    def read(cursor: Cursor) -> Slice[invoices.StoredInvoice]:
        return invoices.list_invoices(reader, shop.merchant, statuses=OUTSTANDING, cursor=cursor, limit=2)

    there, back = _walk(read)
    first = read(FIRST).rows[0]

    assert there == back == [each for place, each in reversed(list(enumerate(ids))) if place % 3 < 2]
    assert first == invoices.get_invoice(reader, shop.merchant, first.id)


def test_lines_are_read_for_many_invoices_within_the_scope(shop: Shop, reader: Reader) -> None:
    own, other = shop.own.invoice(), shop.other.invoice()
    shop.own.line(own, 2, 20)
    shop.own.line(own, 1, 10)
    shop.other.line(other, 1, 30)

    of_customer = invoices.list_lines(reader, shop.own.scope, [own, other])
    of_merchant = invoices.list_lines(reader, shop.merchant, [own, other])

    assert [line.amount for line in of_customer[own]] == [10, 20]
    assert of_customer[other] == []
    assert [line.amount for line in of_merchant[other]] == [30]
    assert invoices.find_invoices(reader, shop.own.scope, [own, other]).keys() == {own}
    assert invoices.find_invoices(reader, shop.own.scope, []) == {}
    assert invoices.list_lines(reader, shop.merchant, []) == {}


def test_credit_notes_are_filtered(shop: Shop, reader: Reader) -> None:
    invoice = shop.own.invoice()
    first = shop.own.credit_note(invoice, 1, number="C-1")
    shop.own.credit_note(shop.own.invoice(), 1, number="C-2")

    by_invoice = credit_notes.list_credit_notes(reader, shop.merchant, invoice_id=invoice)
    by_number = credit_notes.list_credit_notes(reader, shop.own.scope, number="C-1")

    assert [row.id for row in by_invoice.rows] == [row.id for row in by_number.rows] == [first]


# --- payments ---


def test_payments_are_filtered(shop: Shop, reader: Reader, clock: MovableClock) -> None:
    at = clock.now()
    card = shop.own.payment("complete", created_at=at)
    phone = shop.own.payment("failed", created_at=at + timedelta(days=1), method_type="mobile_money", currency="XAF")
    other = shop.other.payment("complete", created_at=at + timedelta(days=2))

    def found(scope: ReadScope = shop.merchant, **filters: Any) -> list[str]:
        return [row.id for row in payments.list_payments(reader, scope, **filters).rows]

    assert found(statuses=["complete"]) == [other, card]
    assert found(statuses=["complete", "failed"]) == [other, phone, card]
    assert found(shop.own.scope, statuses=["complete"]) == [card]
    assert found(method_type="mobile_money") == found(currency="XAF") == [phone]
    assert found(method_type="mobile_money", currency="USD") == []
    assert found(since=at + timedelta(days=1)) == [other, phone]
    assert found(since=at + timedelta(days=1, microseconds=1)) == [other]
    assert found(until=at + timedelta(days=1)) == [card]
    assert found(until=at + timedelta(days=1, microseconds=1)) == [phone, card]
    assert found(since=at, until=at + timedelta(days=3), customer_id=shop.own.scope.customer_id) == [phone, card]
    assert payments.count_payments(reader, shop.merchant, most=9, statuses=["complete"]) == 2


def test_checkout_that_no_history_shows_is_the_merchants_to_read(shop: Shop, reader: Reader) -> None:
    hidden = shop.own.payment("canceled", listed=False)

    assert payments.list_payments(reader, shop.own.scope).rows == []
    assert [row.id for row in payments.list_payments(reader, shop.merchant, statuses=["canceled"]).rows] == [hidden]
    assert payments.get_payment(reader, shop.own.scope, hidden).status == "canceled"
    shown = shop.own.payment("complete")
    customer_id = shop.own.scope.customer_id
    assert [row.id for row in payments.list_payments(reader, shop.merchant, customer_id=customer_id).rows] == sorted(
        [hidden, shown], reverse=True
    )


def test_shares_are_read_for_many_payments_within_the_scope(shop: Shop, reader: Reader) -> None:
    invoice = shop.own.invoice()
    own, other = shop.own.payment(pays={invoice: 70}), shop.other.payment(pays={shop.other.invoice(): 30})

    of_customer = payments.list_shares(reader, shop.own.scope, [own, other])

    assert [(share.invoice_id, share.amount, share.state) for share in of_customer[own]] == [(invoice, 70, "settled")]
    assert of_customer[other] == []
    assert [share.amount for share in payments.list_shares(reader, shop.merchant, [other])[other]] == [30]
    assert payments.find_settling_payment(reader, shop.own.scope, [invoice]) == own
    assert payments.find_settling_payment(reader, shop.other.scope, [invoice]) is None


def test_invoice_is_held_by_the_active_payments_of_it(shop: Shop, reader: Reader) -> None:
    invoice = shop.own.invoice()
    ended = shop.own.payment("failed", pays={invoice: 10}, state="released")
    holder = shop.own.payment("processing", pays={invoice: 20}, state="active")
    proposed = shop.own.payment("incomplete", pays={invoice: 30}, state="proposed")

    assert list_holders(reader, shop.own.scope, invoice) == [holder]
    assert find_holder(reader, shop.merchant, invoice) == holder
    assert find_other_holders(reader, shop.own.scope, proposed) == {invoice: {holder}}
    assert find_other_holders(reader, shop.own.scope, holder) == {}
    assert find_other_holders(reader, shop.stranger.scope, ended) == {}


# --- methods ---


def test_methods_are_filtered_by_status(shop: Shop, reader: Reader) -> None:
    active, expired, removed = (shop.own.method(status=status) for status in ("active", "expired", "removed"))

    def found(**filters: Any) -> set[str]:
        return {row.id for row in methods.list_methods(reader, shop.own.scope, **filters).rows}

    assert found() == {active, expired}
    assert found(statuses=methods.ACTIVE) == {active}
    assert found(statuses=methods.ANY_STATUS) == {active, expired, removed}
    assert methods.find_method(reader, shop.own.scope, removed) is None
    assert methods.find_method(reader, shop.own.scope, removed, statuses=methods.ANY_STATUS) is not None


def test_default_method_is_the_customers_own(shop: Shop, reader: Reader) -> None:
    default = shop.own.method(is_default=True)
    shop.own.method()

    found = methods.find_default_method(reader, shop.own.scope)

    assert found is not None
    assert found.id == default
    assert methods.find_default_method(reader, shop.other.scope) is None


# --- refunds ---


def test_refunds_are_found_and_listed_within_the_scope(shop: Shop, reader: Reader, clock: MovableClock) -> None:
    made: dict[Scope, tuple[str, list[str]]] = {}
    for account in shop.accounts:
        payment = account.payment("partially_refunded", amount_refunded=3)
        made[account.scope] = (payment, [])
        for status in ("complete", "pending", "failed"):
            clock.advance(minutes=1)
            made[account.scope][1].append(account.refund(payment, 1, status))
    own_payment, own = made[shop.own.scope]
    other_payment, other = made[shop.other.scope]
    strange = made[shop.stranger.scope][1][0]

    there, back = _walk(lambda cursor: refunds.list_refunds(reader, shop.merchant, cursor=cursor, limit=2))
    of_own = refunds.list_refunds_of(reader, shop.own.scope, [own_payment, other_payment])

    assert there == back == sorted(own + other, reverse=True)
    assert [row.id for row in refunds.list_refunds(reader, shop.merchant, status="pending").rows] == [other[1], own[1]]
    assert refunds.count_refunds(reader, shop.merchant, most=9) == 6
    assert [row.id for row in of_own[own_payment]] == own
    assert of_own[other_payment] == []
    assert len(refunds.list_refunds_of(reader, shop.merchant, [own_payment, other_payment])[other_payment]) == 3
    assert refunds.get_refund(reader, shop.own.scope, own[0]).payment_id == own_payment
    for scope, hidden in ((shop.own.scope, other[0]), (shop.own.scope, strange), (shop.merchant, strange)):
        assert refunds.find_refund(reader, scope, hidden) is None
        with pytest.raises(NotFound):
            refunds.get_refund(reader, scope, hidden)
    assert refunds.sum_completed(reader, shop.merchant, [own_payment, other_payment]) == {
        own_payment: 1,
        other_payment: 1,
    }
    assert refunds.count_pending(reader, shop.merchant) == 2
    assert refunds.count_pending(reader, shop.merchant, but=["sandbox"]) == 0
