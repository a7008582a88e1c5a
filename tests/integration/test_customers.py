"""Creating and updating customers, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.customers.errors import CustomerDeleted, DuplicateCustomer, InvalidCustomer, UnknownCustomer
from portal.customers.models import Customer
from portal.customers.operations import create_customer, unblock_customer, update_customer
from portal.customers.queries.customers import find_customer_by_reference, get_customer, list_customers_by_email
from portal.customers.rules.profiles import CustomerDetails
from portal.events.models import EventRecord
from portal.merchants.operations import NewMerchant, create_merchant
from portal.public_ids import new_id
from portal.sign_in.models import PortalSession, SignInSession
from portal.sign_in.operations import block_customer, create_portal_session, delete_customer
from portal.sign_in.operations.sessions import Visitor, start_session
from portal.tenancy import MerchantScope, Scope
from tests.support.actors import OPERATOR

ANN = CustomerDetails(reference="1", name="Ann", email="ann@shop.example", phone="+237670000000")


@pytest.fixture
def merchant(database, clock):
    with database.unit_of_work() as session:
        return create_merchant(session, NewMerchant("acme", "Acme", "EUR"), actor=OPERATOR, at=clock.now())


@pytest.fixture
def create(database, clock, merchant):
    def make(details=ANN, **how):
        with database.unit_of_work() as session:
            return create_customer(session, merchant.id, details, actor=OPERATOR, at=clock.now(), **how)

    return make


def test_customer_is_created_and_found(database, merchant, create):
    customer_id = create()

    with database.read() as reader:
        assert get_customer(reader, MerchantScope(merchant.id), customer_id).name == "Ann"
        assert [row.id for row in list_customers_by_email(reader, MerchantScope(merchant.id), " ANN@Shop.example")] == [
            customer_id
        ]
        assert find_customer_by_reference(reader, MerchantScope(merchant.id), "1") is not None
        assert reader.execute(sa.select(AuditEntry.action).where(AuditEntry.object_id == customer_id)).all() == [
            ("customer.created",)
        ]


@pytest.mark.parametrize(
    "other",
    [
        CustomerDetails(reference="1"),
        CustomerDetails(reference="2", email="Ann@SHOP.example"),
        CustomerDetails(reference="2", phone="+237 670 00 00 00"),
    ],
)
def test_duplicate_is_refused_and_names_the_other(create, other):
    customer_id = create()

    with pytest.raises(DuplicateCustomer) as fault:
        create(other)

    assert fault.value.customer_id == customer_id


def test_duplicate_may_be_allowed_but_for_the_reference(create):
    create()

    create(CustomerDetails(reference="2", email="ann@shop.example"), allow_duplicate=True)
    with pytest.raises(DuplicateCustomer):
        create(CustomerDetails(reference="1", email="other@shop.example"), allow_duplicate=True)


def test_other_merchant_may_have_the_same_customer(database, clock, create):
    customer_id = create()
    with database.unit_of_work() as session:
        other = create_merchant(session, NewMerchant("other", "Other", "EUR"), actor=OPERATOR, at=clock.now())
        create_customer(session, other.id, ANN, actor=OPERATOR, at=clock.now())

    with database.read() as reader, pytest.raises(UnknownCustomer):
        get_customer(reader, MerchantScope(other.id), customer_id)


def test_customer_without_email_phone_or_reference_is_refused(create):
    with pytest.raises(InvalidCustomer, match="email, a phone or a reference"):
        create(CustomerDetails(name="Nobody"))


def test_update_changes_what_is_given_and_returns_whether_it_did(database, clock, merchant, create):
    customer_id = create()
    update = CustomerDetails(name="Anne", metadata={"plan": "gold"})

    with database.unit_of_work() as session:
        assert update_customer(session, merchant.id, customer_id, update, actor=OPERATOR, at=clock.now())
    with database.unit_of_work() as session:
        assert not update_customer(session, merchant.id, customer_id, update, actor=OPERATOR, at=clock.now())

    with database.read() as reader:
        row = reader.execute(sa.select(Customer.__table__).where(Customer.id == customer_id)).one()
    assert (row.name, row.email, row.metadata) == ("Anne", "ann@shop.example", {"plan": "gold"})


def test_unknown_and_deleted_customers_are_distinguished(database, clock, merchant, create):
    customer_id = create()
    with database.unit_of_work() as session:
        session.execute(sa.update(Customer).where(Customer.id == customer_id).values(deleted_at=clock.now()))

    for wrong, fault in ((customer_id, CustomerDeleted), (new_id("cus", clock.now()), UnknownCustomer)):
        with database.unit_of_work() as session, pytest.raises(fault):
            update_customer(session, merchant.id, wrong, ANN, actor=OPERATOR, at=clock.now())
        with database.read() as reader, pytest.raises(fault):
            get_customer(reader, MerchantScope(merchant.id), wrong)
    with database.read() as reader, pytest.raises(UnknownCustomer):
        get_customer(reader, MerchantScope(merchant.id), "cus_1")


@pytest.mark.parametrize(
    "change",
    [
        CustomerDetails(email="BEN@shop.example"),
        CustomerDetails(phone="+237 670 00 00 01"),
        CustomerDetails(reference="2"),
    ],
)
def test_update_to_what_another_customer_has_is_refused_and_names_it(database, clock, merchant, create, change):
    ann = create()
    ben = create(CustomerDetails(reference="2", email="ben@shop.example", phone="+237670000001"))

    with database.unit_of_work() as session, pytest.raises(DuplicateCustomer) as fault:
        update_customer(session, merchant.id, ann, change, actor=OPERATOR, at=clock.now())

    assert fault.value.customer_id == ben


def test_update_may_share_an_address_where_it_is_allowed_and_keep_a_shared_one(database, clock, merchant, create):
    ann = create()
    create(CustomerDetails(reference="2", email="ben@shop.example"))

    def change(details, **how):
        with database.unit_of_work() as session:
            return update_customer(session, merchant.id, ann, details, actor=OPERATOR, at=clock.now(), **how)

    assert change(CustomerDetails(email="ben@shop.example"), allow_duplicate=True)
    # What is shared already is no news, whatever else changes.
    assert change(CustomerDetails(email="ben@shop.example", name="Anne"))


def act(operation, database, clock, scope):
    with database.unit_of_work() as session:
        return operation(session, scope, actor=OPERATOR, at=clock.now())


def events(database, customer_id):
    with database.unit_of_work() as session:
        rows = session.scalars(
            sa.select(EventRecord).where(EventRecord.object_id == customer_id).order_by(EventRecord.id)
        ).all()
        return [(row.type, row.data["previous"], row.actor_id) for row in rows][1:]


@pytest.fixture
def signed_in(database, clock, settings, merchant, create):
    """A customer with a session and a URL that nobody used yet."""
    scope = Scope(merchant.id, create())
    with database.unit_of_work() as session:
        start_session(
            session,
            settings,
            scope,
            Visitor("browser", "192.0.2.1"),
            kind="mail",
            by="code",
            target="/",
            at=clock.now(),
        )
        create_portal_session(session, settings, scope, actor=OPERATOR, at=clock.now())
    return scope


def has_access(database, clock):
    with database.unit_of_work() as session:
        live = session.scalars(sa.select(SignInSession).where(SignInSession.revoked_at.is_(None))).all()
        unused = session.scalars(sa.select(PortalSession).where(PortalSession.expires_at > clock.now())).all()
        return bool(live), bool(unused)


def test_blocked_customer_is_signed_out_for_good_and_may_come_back(database, clock, signed_in):
    assert act(block_customer, database, clock, signed_in)
    assert not act(block_customer, database, clock, signed_in)
    assert has_access(database, clock) == (False, False)

    assert act(unblock_customer, database, clock, signed_in)
    assert not act(unblock_customer, database, clock, signed_in)

    assert has_access(database, clock) == (False, False)
    assert events(database, signed_in.customer_id) == [
        ("customer.blocked", {"blocked": False}, OPERATOR.id),
        ("customer.unblocked", {"blocked": True}, OPERATOR.id),
    ]


def test_deleted_customer_is_gone_and_its_address_is_free(database, clock, merchant, create, signed_in):
    act(delete_customer, database, clock, signed_in)

    assert has_access(database, clock) == (False, False)
    assert events(database, signed_in.customer_id) == [("customer.deleted", {}, OPERATOR.id)]
    for again in (delete_customer, block_customer, unblock_customer):
        with pytest.raises(CustomerDeleted):
            act(again, database, clock, signed_in)
    create(CustomerDetails(reference="2", email=ANN.email, phone=ANN.phone))
    with pytest.raises(DuplicateCustomer):
        create(CustomerDetails(reference="1"))


@pytest.mark.parametrize("operation", [block_customer, unblock_customer, delete_customer])
def test_another_merchants_customer_is_neither_blocked_nor_deleted(database, clock, create, operation):
    with database.unit_of_work() as session:
        other = create_merchant(session, NewMerchant("other", "Other", "EUR"), actor=OPERATOR, at=clock.now())

    with pytest.raises(UnknownCustomer):
        act(operation, database, clock, Scope(other.id, create()))
