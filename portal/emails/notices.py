"""Sends notices to customers: whether one is wanted is decided here, when it leaves, and copies go to the addresses that agreed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from portal.customers.queries.customers import StoredCustomer, find_customer
from portal.customers.rules.profiles import mailbox_of
from portal.database import Reader
from portal.documents.typesetting import Typesetter
from portal.emails.destinations import merchant_page_url, stop_copies_url, stop_url
from portal.emails.pages import MailBrand
from portal.emails.rendering import build_mail_brand
from portal.emails.sending import Paper, draw_attachments, send_mail
from portal.events.rules import SYSTEM
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.notice_kinds import NoticeKind
from portal.notices.operations import enqueue_copies, enqueue_for_person
from portal.notices.queries import StoredCopy, find_copy, is_wanted, list_copies
from portal.pay_links.operations import pay_link_url
from portal.people.queries import find_person
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.sign_in.operations.mailed_links import prepare_mailed_link
from portal.tenancy import MerchantScope, Scope

NOTICES_PATH = "/notices"


@dataclass(frozen=True, slots=True)
class Writing:
    """What a composer reads from: an open read of the merchant's rows."""

    renderer: Renderer
    services: Services
    reader: Reader
    merchant: MerchantProfile

    @property
    def scope(self) -> MerchantScope:
        return MerchantScope(self.merchant.id)

    def customer(self, customer_id: str) -> StoredCustomer | None:
        """Return a living customer, None for a deleted one."""
        return find_customer(self.reader, self.scope, customer_id)

    def brand(self, customer: StoredCustomer) -> MailBrand:
        return build_mail_brand(self.renderer, self.merchant, customer.locale)

    def url(self, path: str) -> str:
        return merchant_page_url(self.services, self.merchant, path)


@dataclass(frozen=True, slots=True)
class Composed:
    """A notice that may leave: `page` is the dataclass of `emails/<template>`. `pays` is the invoice that its button pays, None where it is
    about no single one. `opens` is the path below the merchant's root that its `link` leads to, of a notice that is addressed to the
    customer's own address and whose page the link of a notice may open (`web.policies.signed_in`); None of any other.
    `acted` is the person of the account who did what the notice confirms, and gets it too (`per_…`); None where that is whoever has its own address."""

    kind: NoticeKind
    template: str
    customer: StoredCustomer
    page: Any
    paper: Paper | None = None
    pays: str | None = None
    opens: str | None = None
    acted: str | None = None


@dataclass(frozen=True, slots=True)
class _Others:
    """Who gets a notice beside the customer: copies by id, and the person who acted."""

    copies: tuple[str, ...]
    person: str | None


Composer: TypeAlias = Callable[[Writing, dict[str, Any]], Composed | None]
"""Reads the rows that a message names, as they are when it leaves, and returns the notice; None where it would not be true any more."""


@dataclass(frozen=True, slots=True)
class NoticeSender:
    """The handlers of the outbox's notices, by kind of message (`composers`)."""

    renderer: Renderer
    composers: Mapping[str, Composer]
    typesetter: Typesetter | None = None

    def send(self, mail: str, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str) -> None:
        """Send the notice of a message to its customer, if it is wanted and true; have its copies sent."""
        with services.database.read() as reader:
            writing = Writing(self.renderer, services, reader, get_merchant(reader, merchant_id))
            composed = self.composers[mail](writing, payload)
            if composed is None or writing.merchant.status != "active":
                return
            scope = Scope(merchant_id, composed.customer.id)
            is_sent = composed.customer.email and is_wanted(reader, writing.merchant, scope.customer_id, composed.kind)
            others = _others(writing, composed, scope)
        if writing.merchant.settings.notices.of(composed.kind) != "never":
            self._enqueue(services, merchant_id, message_id, others, mail, payload)
        if is_sent:
            composed = _with_sign_in_link(writing, _with_pay_link(writing, composed), message_id)
            self._deliver(
                writing, composed, composed.customer.email or "", self._stoppable(writing, composed), message_id
            )

    def send_copy(self, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str) -> None:
        """Send a copy of a notice to an address that agreed, unless the copies were ended meanwhile."""
        with services.database.read() as reader:
            writing = Writing(self.renderer, services, reader, get_merchant(reader, merchant_id))
            copy = find_copy(reader, MerchantScope(merchant_id), str(payload["copy"]))
            if copy is None or not _is_agreed(copy) or writing.merchant.status != "active":
                return
            composed = self.composers[str(payload["mail"])](writing, payload["payload"])
        if composed is None or composed.customer.id != copy.customer_id:
            return
        brand = replace(
            composed.page.brand,
            copy_of=composed.customer.email or composed.customer.name or "",
            unsubscribe_url=stop_copies_url(services, writing.merchant, copy.id, copy.address),
        )
        self._deliver(writing, composed, copy.address, brand, message_id)

    def send_to_person(self, services: Services, merchant_id: str, payload: dict[str, Any], message_id: str) -> None:
        """Send a notice to the person who did what it confirms, unless that person was removed meanwhile. Its button asks who is not signed
        in to sign in; it has no link that stops anything: what is stopped there is the customer's."""
        with services.database.read() as reader:
            writing = Writing(self.renderer, services, reader, get_merchant(reader, merchant_id))
            person = find_person(reader, MerchantScope(merchant_id), str(payload["person"]))
            if person is None or person.removed_at is not None or writing.merchant.status != "active":
                return
            composed = self.composers[str(payload["mail"])](writing, payload["payload"])
        if composed is None or composed.acted != person.id:
            return
        self._deliver(writing, composed, person.email, composed.page.brand, message_id)

    @staticmethod
    def _enqueue(
        services: Services, merchant_id: str, message_id: str, others: _Others, mail: str, payload: dict[str, Any]
    ) -> None:
        """Queue what goes to others than the customer; once each, however often the notice is sent."""
        if not others.copies and others.person is None:
            return

        def enqueue(session: Session) -> None:
            at = services.clock.now()
            enqueue_copies(session, merchant_id, message_id, others.copies, mail, payload, at=at)
            if others.person is not None:
                enqueue_for_person(session, merchant_id, message_id, others.person, mail, payload, at=at)

        services.database.run(enqueue)

    def _deliver(self, writing: Writing, composed: Composed, to: str, brand: MailBrand, message_id: str) -> None:
        scope = Scope(writing.merchant.id, composed.customer.id)
        send_mail(
            self.renderer,
            writing.services,
            writing.merchant,
            composed.template,
            replace(composed.page, brand=brand),
            to=to,
            message_id=message_id,
            attachments=draw_attachments(writing.services, self.typesetter, scope, composed.paper),
        )

    @staticmethod
    def _stoppable(writing: Writing, composed: Composed) -> MailBrand:
        """Return the mail's brand with the links at which it is stopped, where the customer may stop it."""
        brand: MailBrand = composed.page.brand
        if not composed.kind.is_stoppable:
            return brand
        customer, kind = composed.customer, composed.kind.name
        return replace(
            brand,
            unsubscribe_url=stop_url(writing.services, writing.merchant, customer.id, kind, customer.email or ""),
            notices_url=writing.url(NOTICES_PATH),
        )


def _with_pay_link(writing: Writing, composed: Composed) -> Composed:
    """Return a notice whose button opens its invoice without signing in, so that it can be forwarded to whoever pays; as it was where the
    invoice's link was revoked. Its address is made now and kept nowhere; a copy to somebody else never has it."""
    if composed.pays is None:
        return composed
    invoice_id, services = composed.pays, writing.services
    link = services.database.run(
        lambda session: pay_link_url(
            session, services.settings, writing.scope, writing.merchant.slug, invoice_id, actor=SYSTEM, at=services.clock.now()
        )
    )  # fmt: skip
    return replace(composed, page=replace(composed.page, link=link, opens_to_all=True)) if link else composed


def _with_sign_in_link(writing: Writing, composed: Composed, message_id: str) -> Composed:
    """Return a notice whose button signs in, where the merchant allows it: never one that is about a single invoice, which has a pay link
    or had one and is forwarded. Its address is made now and kept nowhere; a copy to somebody else never has it."""
    if composed.opens is None or composed.pays is not None or not writing.merchant.settings.notices.sign_in_links:
        return composed
    target, scope, services = composed.opens, Scope(writing.merchant.id, composed.customer.id), writing.services
    path = services.database.run(
        lambda session: prepare_mailed_link(
            session, services.settings, scope,
            message_id=message_id, address=composed.customer.email or "", target=target, at=services.clock.now(),
        )
    )  # fmt: skip
    if path is None:
        return composed
    brand = replace(composed.page.brand, signs_in=True)
    return replace(composed, page=replace(composed.page, brand=brand, link=writing.url(path)))


def _others(writing: Writing, composed: Composed, scope: Scope) -> _Others:
    """Return who else gets a notice: the person who acted, and the addresses that agreed to copies; each mailbox once, the customer's own
    not again."""
    own, taken, person = composed.customer.email or "", set(), None
    if own:
        taken.add(mailbox_of(own))
    if composed.acted is not None:
        person = find_person(writing.reader, scope, composed.acted)
    if person is not None and (person.removed_at is not None or mailbox_of(person.email) in taken):
        person = None
    if person is not None:
        taken.add(mailbox_of(person.email))
    copies = list_copies(writing.reader, scope) if composed.kind.is_copied else []
    to = [copy.id for copy in copies if _is_agreed(copy) and mailbox_of(copy.address) not in taken]
    return _Others(tuple(to), person.id if person is not None else None)


def _is_agreed(copy: StoredCopy) -> bool:
    return copy.agreed_at is not None and copy.ended_at is None
