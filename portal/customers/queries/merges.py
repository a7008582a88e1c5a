"""Reads of proposed merges: customers that may be one, derived from who proved which address (audit log) and from who has it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from portal.audit.queries import list_acts_about_merges
from portal.customers.queries.customers import StoredCustomer, list_customers_by_ids
from portal.customers.rules.merges import KeptApart, ProposedPair, ProvedAddress, propose_pairs
from portal.customers.rules.profiles import is_same_mailbox
from portal.database import Reader
from portal.events.rules import EventType
from portal.tenancy import MerchantScope


class MergeProposal(NamedTuple):
    """Two living customers of one mailbox: `customer` proved it at `proposed_at`, after `other` had it."""

    customer: StoredCustomer
    other: StoredCustomer
    proposed_at: datetime


def list_merge_proposals(reader: Reader, scope: MerchantScope, *, of: str | None = None) -> list[MergeProposal]:
    """Return the proposals that are open, newest first; `of`: those with this customer alone.

    Gone is a proposal that was dismissed, and one of which a customer was deleted, erased, or has another address now.
    """
    proposed = [each for each in propose_pairs(_facts(reader, scope)) if of is None or of in each.pair]
    found: list[MergeProposal] = []
    for start in range(0, len(proposed), _AT_ONCE):
        some = proposed[start : start + _AT_ONCE]
        customers = _by_id(reader, scope, some)
        for pair in some:
            customer, other = customers.get(pair.customer_id), customers.get(pair.other_id)
            if customer and other and is_same_mailbox(customer.email or "", other.email or ""):
                found.append(MergeProposal(customer, other, pair.at))
    return found


_AT_ONCE = 200


def _facts(reader: Reader, scope: MerchantScope) -> Iterator[ProvedAddress | KeptApart]:
    for act in list_acts_about_merges(reader, scope):
        if act.action == EventType.CUSTOMER_MERGE_DISMISSED:
            yield KeptApart(frozenset({act.customer_id, act.details["other"]}))
        elif same := act.details.get("same_address"):
            yield ProvedAddress(act.customer_id, tuple(same), act.at)


def _by_id(reader: Reader, scope: MerchantScope, pairs: Sequence[ProposedPair]) -> Mapping[str, StoredCustomer]:
    ids = sorted({customer_id for pair in pairs for customer_id in pair.pair})
    return {row.id: row for row in list_customers_by_ids(reader, scope, ids)}
