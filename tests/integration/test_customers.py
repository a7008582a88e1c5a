"""Creating and updating customers, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.customers.errors import CustomerDeleted, DuplicateCustomer, InvalidCustomer, UnknownCustomer
from portal.customers.models import Customer
from portal.customers.operations import create_customer, update_customer
from portal.customers.queries.customers import find_customer_by_reference, get_customer, list_customers_by_email
from portal.customers.rules import CustomerDetails
from portal.merchants.operations import NewMerchant, create_merchant
from portal.public_ids import new_id
from portal.tenancy import MerchantScope
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
