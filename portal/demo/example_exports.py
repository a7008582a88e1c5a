"""An export that is ready for a customer of each demo merchant, so that the page of privacy has something to show."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from portal.customers.queries.customers import list_customers_by_email
from portal.events.rules import customer_actor
from portal.merchants.queries import find_merchant
from portal.privacy.jobs import make_exports
from portal.privacy.operations.exporting import request_export
from portal.services import Services
from portal.tenancy import MerchantScope, Scope


def add_example_exports(services: Services, addresses: Iterable[tuple[str, str]]) -> None:
    """Make an export for each customer, named by the merchant's slug and the address."""
    for slug, address in addresses:
        with services.database.read() as reader:
            merchant = find_merchant(reader, slug)
            assert merchant is not None, "the demo's merchants were made before"
            customer = list_customers_by_email(reader, MerchantScope(merchant.id), address)[0]
        wanted = partial(
            request_export, scope=Scope(merchant.id, customer.id), locale=customer.locale or merchant.locale,
            most_a_day=services.settings.exports_per_customer_per_day, actor=customer_actor(customer.id), at=services.clock.now(),
        )  # fmt: skip
        services.database.run(wanted)
    make_exports(services)
