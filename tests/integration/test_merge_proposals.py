"""Proposed merges: who proves an address that another customer has stays a customer of its own, and the merchant sees both."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.customers.errors import NoMergeProposed
from portal.customers.models import Customer
from portal.customers.operations import change_email, dismiss_merge, update_customer
from portal.customers.queries.merges import MergeProposal, list_merge_proposals
from portal.customers.rules.profiles import CustomerDetails
from portal.events.rules import EventType, customer_actor
from portal.sign_in.operations import block_customer, delete_customer
from portal.tenancy import MerchantScope, Scope
from tests.support.actors import STAFF
from tests.support.site import ADDRESS, Site

SHARED = "issa@haddad.example"


def proposals(site: Site, of: Scope | None = None) -> list[MergeProposal]:
    with site.services.database.read() as reader:
        return list_merge_proposals(reader, MerchantScope(site.scope.merchant_id), of=of.customer_id if of else None)


def pairs(site: Site, of: Scope | None = None) -> list[tuple[str, str]]:
    return [(found.customer.id, found.other.id) for found in proposals(site, of)]


def prove(site: Site, scope: Scope, address: str, event_type: EventType = EventType.CUSTOMER_EMAIL_CHANGED) -> None:
    """What entering the code of an address does; the pages of it are in `test_email_change.py`."""
    site.clock.advance(minutes=1)
    with site.services.database.unit_of_work() as session:
        actor = customer_actor(scope.customer_id)
        change_email(session, scope, address, event_type=event_type, actor=actor, at=site.clock.now())


def dismiss(site: Site, one: Scope, other: Scope) -> None:
    with site.services.database.unit_of_work() as session:
        scope = MerchantScope(site.scope.merchant_id)
        dismiss_merge(session, scope, one.customer_id, other.customer_id, actor=STAFF, at=site.clock.now())


def set_address(site: Site, scope: Scope, address: str) -> None:
    with site.services.database.unit_of_work() as session:
        update_customer(
            session, scope.merchant_id, scope.customer_id, CustomerDetails(email=address), actor=STAFF, at=site.clock.now(),
            allow_duplicate=True,
        )  # fmt: skip


@pytest.fixture
def noor(site: Site) -> Scope:
    return site.add_customer(SHARED)


def test_proved_address_of_another_customer_is_a_proposal_of_both(site, noor):
    assert pairs(site) == []

    prove(site, site.scope, SHARED)

    (found,) = proposals(site)
    assert (found.customer.id, found.other.id) == (site.scope.customer_id, noor.customer_id)
    assert found.proposed_at == site.clock.now()
    assert {row.email for row in site.rows(Customer, merchant_id=noor.merchant_id, email=SHARED)} == {SHARED}


def test_address_that_the_merchant_gives_two_customers_is_no_proposal(site, noor):
    set_address(site, site.scope, SHARED)

    assert pairs(site) == []


def test_undone_change_proves_the_address_before(site, noor):
    prove(site, site.scope, "maya@studio.example")
    set_address(site, noor, ADDRESS)

    prove(site, site.scope, ADDRESS, EventType.CUSTOMER_EMAIL_CHANGE_UNDONE)

    assert pairs(site) == [(site.scope.customer_id, noor.customer_id)]


def test_pair_is_proposed_once_by_its_latest_proof_and_newest_first(site, noor):
    third = site.add_customer("third@shop.example")
    prove(site, site.scope, SHARED)
    prove(site, third, SHARED)
    prove(site, noor, "noor@elsewhere.example")
    prove(site, noor, SHARED)

    me, hers, theirs = site.scope.customer_id, noor.customer_id, third.customer_id
    assert sorted(pairs(site)[:2]) == sorted([(hers, me), (hers, theirs)])
    assert pairs(site)[2:] == [(theirs, me)]
    assert pairs(site, third) == [pair for pair in pairs(site) if theirs in pair]


@pytest.mark.parametrize("end", ["another address", "another mailbox", "deleted"])
def test_proposal_is_gone_where_there_is_nothing_to_merge(site, noor, end):
    prove(site, site.scope, SHARED)

    if end == "deleted":
        with site.services.database.unit_of_work() as session:
            delete_customer(session, noor, actor=STAFF, at=site.clock.now())
    else:
        # Equal under `email_key`, and another mailbox all the same (threats 18).
        set_address(site, noor, "i\u017fsa@haddad.example" if end == "another mailbox" else "noor@haddad.example")

    assert pairs(site) == []


def test_blocked_customer_is_still_proposed(site, noor):
    prove(site, site.scope, SHARED)
    with site.services.database.unit_of_work() as session:
        block_customer(session, noor, actor=STAFF, at=site.clock.now())

    assert pairs(site) == [(site.scope.customer_id, noor.customer_id)]


def test_dismissed_proposal_stays_dismissed_whoever_proves_the_address_again(site, noor):
    third = site.add_customer("third@shop.example")
    prove(site, site.scope, SHARED)
    prove(site, third, SHARED)

    dismiss(site, noor, site.scope)

    me, hers, theirs = site.scope.customer_id, noor.customer_id, third.customer_id
    assert set(pairs(site)) == {(theirs, hers), (theirs, me)}
    prove(site, site.scope, ADDRESS)
    prove(site, site.scope, SHARED)
    assert set(map(frozenset, pairs(site))) == {frozenset({me, theirs}), frozenset({hers, theirs})}
    (entry,) = [each for each in site.rows(AuditEntry) if each.action == "customer.merge_dismissed"]
    assert (entry.customer_id, entry.details) == (me, {"other": hers})


def test_what_is_not_proposed_is_not_dismissed(site, noor):
    for one, other in ((site.scope, noor), (noor, noor)):
        with pytest.raises(NoMergeProposed):
            dismiss(site, one, other)
    prove(site, site.scope, SHARED)
    with pytest.raises(NoMergeProposed):
        dismiss(site, site.scope, site.scope)

    dismiss(site, site.scope, noor)

    with pytest.raises(NoMergeProposed):
        dismiss(site, site.scope, noor)


def test_other_merchant_sees_and_dismisses_nothing(site, noor):
    prove(site, site.scope, SHARED)
    foreign = MerchantScope(site.other.merchant_id)

    with site.services.database.unit_of_work() as session:
        assert list(list_merge_proposals(session, foreign)) == []
        with pytest.raises(NoMergeProposed):
            dismiss_merge(session, foreign, site.scope.customer_id, noor.customer_id, actor=STAFF, at=site.clock.now())


def test_proposals_are_read_by_an_index_whatever_else_happened(site, noor):
    """However many entries the merchant's log has: those about addresses have an index of their own."""
    prove(site, site.scope, SHARED)
    happened = {
        "merchant_id": site.scope.merchant_id,
        "at": site.clock.now(),
        "actor_type": "system",
        "actor_id": "portal",
    }
    with site.services.database.unit_of_work() as session:
        rows = [{**happened, "id": f"evt_{n:022}", "action": "portal.signed_in", "details": {}} for n in range(2000)]
        session.execute(sa.insert(AuditEntry), rows)
    with site.services.database.unit_of_work() as session:
        session.execute(sa.text("analyze"))

    plan = plan_of(site)

    assert any("ix_audit_entries_about_merges" in line for line in plan), plan


def plan_of(site: Site) -> list[str]:
    """The plan of the statement that reads the log."""
    database, sent = site.services.database, []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if "audit_entries" in statement and not statement.startswith("EXPLAIN"):
            sent.append((statement, parameters))

    with database.read() as reader:
        sa.event.listen(database.reader, "before_cursor_execute", note)
        list_merge_proposals(reader, MerchantScope(site.scope.merchant_id))
        sa.event.remove(database.reader, "before_cursor_execute", note)
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        ((statement, parameters),) = sent
        return [str(row) for row in reader.exec_driver_sql(f"{explain} {statement}", parameters)]
