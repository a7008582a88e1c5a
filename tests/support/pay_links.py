"""Pay links of a paying customer's invoices, and somebody who pays by one without signing in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from portal.events.rules import pay_link_actor
from portal.pay_links.operations import address_of, create_pay_link, revoke_pay_link
from portal.pay_links.queries import PayLinkState, find_pay_link
from portal.payments.operations.by_link import LinkChoice, begin_by_link, confirm_by_link
from portal.payments.rules.choices import Amount, Full, NewMethod, Prompt
from portal.services import Services
from portal.tenancy import MerchantScope, Scope
from tests.support.actors import OPERATOR

PAGE = "http://127.0.0.1:5000/acme/pay/{pay_link}/payments/"


def make_pay_link(services: Services, scope: Scope, invoice_id: str) -> str:
    """The id of the invoice's pay link, made now where it has none."""
    return services.database.run(
        lambda session: create_pay_link(
            session, MerchantScope(scope.merchant_id), invoice_id, actor=OPERATOR, at=services.clock.now()
        )
    )


def revoke(services: Services, scope: Scope, invoice_id: str) -> bool:
    """Revoke the invoice's pay link; whether there was one."""
    return services.database.run(
        lambda session: revoke_pay_link(
            session, MerchantScope(scope.merchant_id), invoice_id, actor=OPERATOR, at=services.clock.now()
        )
    )


def pay_path(services: Services, scope: Scope, invoice_id: str, slug: str = "acme") -> str:
    """The path of the invoice's pay link, made now where it has none."""
    link_id = make_pay_link(services, scope, invoice_id)
    url = address_of(services.settings, scope.merchant_id, slug, link_id)
    return url.removeprefix(services.settings.base_url)


@dataclass
class Guest:
    """Somebody who has the pay link of one invoice, and nothing else."""

    services: Services
    scope: Scope
    link_id: str

    @property
    def link(self) -> PayLinkState:
        """The link as it is now."""
        with self.services.database.read() as reader:
            found = find_pay_link(reader, self.scope.merchant_id, self.link_id, now=self.services.clock.now())
        assert found is not None
        return found

    def checkout(self, way: NewMethod | Prompt | None = None, amount: Amount = Full()) -> str:  # noqa: B008 - frozen
        """An unconfirmed payment of the invoice, on the gateway's page unless another way is given."""
        gateway = self.services.gateways.find(self.scope.merchant_id)
        assert gateway is not None
        return self.services.database.run(
            lambda session: begin_by_link(
                session,
                self.link,
                LinkChoice(way or NewMethod(save=False), amount),
                gateway=gateway.name,
                expires_after=timedelta(hours=3),
                actor=pay_link_actor(self.link_id),
                charge_limits=gateway.capabilities.charge_limits,
                at=self.services.clock.now(),
            )
        )

    def confirm(self, payment_id: str, *, services: Services | None = None) -> None:
        """Press Pay."""
        confirm_by_link(
            services or self.services,
            self.link,
            payment_id,
            actor=pay_link_actor(self.link_id),
            version="",
            page_url=PAGE + payment_id,
            locale="en",
        )

    def pay(self, way: NewMethod | Prompt | None = None, amount: Amount = Full()) -> str:  # noqa: B008 - frozen
        """Begin and confirm at once; return the payment's id."""
        payment_id = self.checkout(way, amount)
        self.confirm(payment_id)
        return payment_id


def guest_of(services: Services, scope: Scope, invoice_id: str) -> Guest:
    """Somebody who has the pay link of this invoice."""
    return Guest(services, scope, make_pay_link(services, scope, invoice_id))
