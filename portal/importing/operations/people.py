"""Who is who: finds the customer whom rows of a file name, so that nobody's invoice gets to somebody else, and one person is one
customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.models import Customer
from portal.customers.queries.imported import Identity, list_identities
from portal.events.rules import Event, EventType
from portal.importing.models import ImportedAddress
from portal.importing.queries import list_addresses
from portal.importing.rules.invoice_rows import Document
from portal.importing.rules.payment_rows import Payer
from portal.importing.rules.people import Person, address_digest
from portal.importing.rules.results import Context, Refused
from portal.public_ids import new_id
from portal.tenancy import MerchantScope


class KnownPeople:
    """The customers that a batch may refer to, by what they go by; those that the batch makes are added."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self.by_id: dict[str, Identity] = {}
        self.by_reference: dict[str, Identity] = {}
        self._by_email: dict[str, list[Identity]] = defaultdict(list)
        self._by_phone: dict[str, list[Identity]] = defaultdict(list)
        for identity in identities:
            self.add(identity)

    def add(self, identity: Identity) -> None:
        self.by_id[identity.id] = identity
        if identity.reference:
            self.by_reference[identity.reference] = identity
        if identity.email_key:
            self._by_email[identity.email_key].append(identity)
        if identity.phone:
            self._by_phone[identity.phone].append(identity)

    def replace(self, identity: Identity) -> None:
        """Know a customer by what it goes by now, and by nothing that it went by before."""
        before = self.by_id.get(identity.id)
        if before is not None:
            for known in (self._by_email[before.email_key or ""], self._by_phone[before.phone or ""]):
                known[:] = [each for each in known if each.id != identity.id]
            if before.reference:
                self.by_reference.pop(before.reference, None)
        self.add(identity)

    def with_email(self, key: str | None) -> list[Identity]:
        """The customers of an email address that are not deleted."""
        return [each for each in self._by_email.get(key or "", []) if not each.is_deleted]

    def with_phone(self, phone: str | None) -> list[Identity]:
        """The customers of a telephone number that are not deleted."""
        return [each for each in self._by_phone.get(phone or "", []) if not each.is_deleted]

    def had_email(self, key: str) -> bool:
        """Whether anybody has or had this address, deleted customers too."""
        return bool(self._by_email.get(key))


class DocumentOwners:
    """The customers of the invoices of a batch: found, or made from what the file says of them."""

    def __init__(self, session: Session, context: Context, documents: Sequence[Document]) -> None:
        people = [document.customer for document in documents]
        self._session, self._context = session, context
        self._addresses = list_addresses(
            session, context.merchant.id, {person.email_key for person in people if person.email_key}
        )
        self._known = KnownPeople(
            list_identities(
                session,
                MerchantScope(context.merchant.id),
                ids={customer_id for ids in self._addresses.values() for customer_id in ids},
                references=_keys(documents, "r:"),
                email_keys={*_keys(documents, "e:"), *(person.email_key for person in people if person.email_key)},
                phones={person.phone for person in people if person.phone},
            )
        )
        self._found: dict[str, str | Refused] = {}
        self._named: set[tuple[str, str]] = set()
        self.new_rows: list[dict[str, Any]] = []
        self.events: list[Event] = []

    def customer_of(self, document: Document) -> str | Refused:
        """Return the id of a document's customer; a new one is made when the first of its invoices was."""
        owner = document.owner
        if owner not in self._found:
            self._found[owner] = self._find(document)
        return self._found[owner]

    def conflict_of(self, document: Document, customer_id: str) -> str | None:
        """Return why something new for this customer cannot be from this file: the reference is known as that of somebody else."""
        known, person = self._known.by_id.get(customer_id), document.customer
        if known is None:
            return None
        if known.email_key and person.email_key:
            is_remembered = customer_id in self._addresses.get(address_digest(person.email_key), ())
            if known.email_key == person.email_key or (is_remembered and document.owner.startswith("r:")):
                return None
            here, there = known.email, person.email
        elif known.phone and person.phone and known.phone != person.phone:
            here, there = known.phone, person.phone
        else:
            return None
        if not document.owner.startswith("r:"):
            return f"{there} was the address of customer {known.reference or known.id}, who has another one; give a reference"
        return (
            f"customer {known.reference} is {here} here and {there} in the file, and one reference is one customer;"
            f" import customers if that has changed, and where it stands for guests: --none customer={known.reference}"
        )

    def remember(self, document: Document, customer_id: str) -> None:
        """Note by which address the file names a customer of whom something was made."""
        if document.customer.email_key:
            self._named.add((address_digest(document.customer.email_key), customer_id))

    def insert_addresses(self) -> None:
        """Store what was noted and is new."""
        rows = [
            {"merchant_id": self._context.merchant.id, "email_digest": digest, "customer_id": customer_id}
            for digest, customer_id in sorted(self._named)
            if customer_id not in self._addresses.get(digest, ())
        ]
        if rows:
            self._session.execute(sa.insert(cast(sa.Table, ImportedAddress.__table__)), rows)

    def _find(self, document: Document) -> str | Refused:
        key = document.owner[2:]
        if document.owner.startswith("r:"):
            found = self._known.by_reference.get(key)
            if found is None:
                return self._by_contact(document, key)
            return Refused("the customer was deleted") if found.is_deleted else found.id
        same = self._known.with_email(key)
        if len(same) > 1:
            return Refused("more than one customer has this email address; give the reference")
        if same:
            return same[0].id
        if self._known.had_email(key):
            return Refused("the customer was deleted")
        earlier = [self._known.by_id[each] for each in self._addresses.get(address_digest(key), [])]
        if len(earlier) == 1:
            return Refused("the customer was deleted") if earlier[0].is_deleted else earlier[0].id
        return self._by_contact(document, None)

    def _by_contact(self, document: Document, reference: str | None) -> str | Refused:
        """Nobody goes by this reference. Somebody who has the address, and no reference yet, is the one; nobody is made twice."""
        person = document.customer
        for word, same in (
            ("email address", self._known.with_email(person.email_key)),
            ("telephone number", self._known.with_phone(person.phone)),
        ):
            if not same:
                continue
            if len(same) > 1 or not _may_be(same[0], person):
                return Refused(taken(word, same[0]))
            return self._adopted(same[0], reference)
        return self._made(document, reference)

    def _adopted(self, found: Identity, reference: str | None) -> str:
        if reference is not None:
            context = self._context
            self._session.execute(
                sa.update(Customer)
                .where(Customer.merchant_id == context.merchant.id, Customer.id == found.id)
                .values(reference=reference, updated_at=context.now)
            )
            self._known.replace(found._replace(reference=reference))
            self.events.append(_event(context, EventType.CUSTOMER_UPDATED, found.id, changed=["reference"]))
        return found.id

    def _made(self, document: Document, reference: str | None) -> str:
        context, person = self._context, document.customer
        customer_id = new_id("cus", document.owner_at)
        self.new_rows.append(
            {
                "merchant_id": context.merchant.id, "id": customer_id, "type": "individual", "name": person.name,
                "reference": reference, "company_name": None, "email": person.email, "email_key": person.email_key,
                "phone": person.phone, "locale": None,
                "billing_address": {"country": person.country} if person.country else {}, "shipping_address": {},
                "fields": {}, "metadata": {"country": person.country_name} if person.country_name else {}, "blocked": False,
                "created_at": document.owner_at, "updated_at": context.now, "deleted_at": None,
            }
        )  # fmt: skip
        self._known.add(Identity(customer_id, reference, person.email, person.email_key, person.phone, False))
        self.events.append(_event(context, EventType.CUSTOMER_CREATED, customer_id))
        return customer_id


class Payers:
    """The customers of the payments of a batch; an import of payments makes none."""

    def __init__(self, session: Session, context: Context, payers: Sequence[Payer]) -> None:
        names = {payer.name for payer in payers if payer.name}
        self._known = KnownPeople(
            list_identities(
                session,
                MerchantScope(context.merchant.id),
                ids=names,
                references=names,
                email_keys={payer.email_key for payer in payers if payer.email_key},
                phones={payer.phone for payer in payers if payer.phone},
            )
        )

    def customer_of(self, payer: Payer) -> str | Refused:
        """Return the id of who paid: by id or reference, else by email address, else by telephone number."""
        named = self._known.by_id.get(payer.name or "") or self._known.by_reference.get(payer.name or "")
        if named is not None:
            return named.id
        for word, is_given, same in (
            ("email address", payer.email, self._known.with_email(payer.email_key)),
            ("telephone number", payer.phone, self._known.with_phone(payer.phone)),
        ):
            if not is_given or (not same and word == "email address" and payer.phone):
                continue
            if len(same) > 1:
                return Refused(f"more than one customer has this {word}; give the reference")
            if same and payer.name and same[0].reference:
                return Refused(f"the {word} is that of customer {same[0].reference}, whom the file names otherwise")
            if same:
                return same[0].id
        return Refused("there is no such customer; import the customers first")

    def conflict_of(self, payer: Payer, customer_id: str) -> str | None:
        """Return why a payment cannot be this customer's: the file has another email address for whom it names."""
        known = self._known.by_id.get(customer_id)
        if known is None or not (known.email_key and payer.email_key) or known.email_key == payer.email_key:
            return None
        named = payer.name or payer.phone
        hint = f"; where it stands for guests: --none customer={payer.name}" if payer.name else ""
        return f"customer {named} is {known.email} here and {payer.email} in the file, and one reference is one customer{hint}"


def taken(word: str, other: Identity) -> str:
    """Return the sentence that an email address or a telephone number is another customer's."""
    name = f"{other.reference} ({other.id})" if other.reference else other.id
    return (
        f"the {word} is that of customer {name}, and one {word} is one customer’s: mend the row, or --ignore the column"
    )


def _may_be(found: Identity, person: Person) -> bool:
    """Whether somebody without a reference is this person: by the email address, or by a telephone number without any other address."""
    has_same_email = found.email_key is not None and found.email_key == person.email_key
    return found.reference is None and (has_same_email or found.email_key is None)


def _keys(documents: Sequence[Document], prefix: str) -> Collection[str]:
    return {document.owner[2:] for document in documents if document.owner.startswith(prefix)}


def _event(context: Context, event_type: EventType, customer_id: str, **details: Any) -> Event:
    return Event(
        type=event_type,
        merchant_id=context.merchant.id,
        object_id=customer_id,
        customer_id=customer_id,
        details=details,
        at=context.now,
    )
