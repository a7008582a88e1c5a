"""Who is logged in to the host application: how it names a customer, and how it is asked, in a request context of its own.

Nothing of a browser is trusted here: what the host's own code returns decides, and whatever else it does signs nobody in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from inspect import Parameter, signature
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from flask import got_request_exception
from werkzeug import exceptions

from portal.contacts import ContactRefused, normalise_email
from portal.customers import errors
from portal.customers.errors import DuplicateCustomer, InvalidCustomer
from portal.customers.operations import create_customer
from portal.customers.queries.accounts import list_named_accounts
from portal.customers.rules.profiles import CustomerName, normalise_details, read_details
from portal.errors import PortalError
from portal.tenancy import MerchantScope

if TYPE_CHECKING:
    from datetime import datetime

    from flask import Flask, Request

    from portal.events.rules import Actor
    from portal.services import Services

T = TypeVar("T")
_ONE_NAME = "give one of id, reference and email, as a text that is not empty"


class UnknownCustomer(errors.UnknownCustomer, exceptions.NotFound):
    """The host named a customer that the merchant does not have, or that may not sign in; or named none, or in a way that names nobody.

    Werkzeug's `NotFound`: raised in a view of the host, it is the host's own 404.
    """

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        exceptions.NotFound.__init__(self)

    def __str__(self) -> str:
        return self.reason or self.sentence


class HostFailed(PortalError):
    """The host application could not say who is logged in: nobody is signed in, and the session stays as it is."""

    status: ClassVar[int] = 503
    sentence = "The application could not say who is logged in."


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Whom the host application has logged in: one customer of the merchant, by exactly one of `id`, `reference` and `email`.

    `id` is the portal's (`cus_…`), `reference` the merchant's own. `email` names a customer only with `is_verified=True`: the host has
    proved that whoever is logged in holds that mailbox. Without it, it names nobody, since anybody can type an address.
    `create` has the details of a customer to create when `reference` or `email` is unknown, by the API's field names (`name`,
    `email`, `phone`, `locale` …). Raises UnknownCustomer.
    """

    id: str | None = None
    reference: str | None = None
    email: str | None = field(default=None, repr=False)
    is_verified: bool = False
    create: Mapping[str, Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # The host is not held to our types, so that what it gave is looked at as what it may be.
        names: tuple[object, ...] = (self.id, self.reference, self.email)
        named = [value for value in names if value is not None]
        if len(named) != 1 or not isinstance(named[0], str) or not _can_be_stored(named[0]):
            raise UnknownCustomer(_ONE_NAME)
        if not isinstance(self.is_verified, bool):
            raise UnknownCustomer("is_verified is True or False")
        if self.create is not None and not isinstance(self.create, Mapping):
            raise UnknownCustomer("create has the details by their names")

    @property
    def name(self) -> CustomerName:
        """By what the customer is looked up: id and reference as they are, the address in the form in which it would be stored."""
        return CustomerName(self.id, self.reference, _stored_form(self.email) if self.email is not None else None)


class HostIdentity:
    """Asks the host application who is logged in. `identify` and `create` are the host's own functions.

    `identify()` returns None, a `Customer`, or a text, which is a reference. `create` returns the details of an unknown one; it is
    called with the `Customer` where it takes an argument.
    """

    def __init__(
        self,
        host: Flask,
        prefix: str,
        identify: Callable[[], object],
        create: Callable[..., Mapping[str, Any] | None] | None = None,
    ) -> None:
        self._host = host
        self._prefix = prefix
        self._identify = host.ensure_sync(identify)
        self._create = host.ensure_sync(create) if create is not None else None
        self._takes_customer = create is not None and _takes_an_argument(create)

    def customer_of(self, request: Request) -> Customer | None:
        """Return whom the host has logged in, None for nobody. Raises HostFailed, whatever the host raised."""
        return self._in_context(request, lambda: _read_identity(self._identify()))

    def details_of(self, request: Request, customer: Customer) -> Mapping[str, Any] | None:
        """Return the details with which an unknown customer is created, None if it is not to be. Raises HostFailed."""
        create = self._create
        if customer.create is not None or create is None:
            return customer.create
        arguments = (customer,) if self._takes_customer else ()
        return self._in_context(request, lambda: _read_created(create(*arguments)))

    def _in_context(self, request: Request, function: Callable[[], T]) -> T:
        environ = self._environ_of(request)

        def ask() -> T:
            with self._host.request_context(environ):
                try:
                    return function()
                except Exception as fault:
                    # The host's own log and its error monitoring hear of it: it is the host's code that failed.
                    got_request_exception.send(self._host, _async_wrapper=self._host.ensure_sync, exception=fault)
                    self._host.log_exception(sys.exc_info())
                    raise

        try:
            # In a copy of the context variables: a host whose session or teardown fails leaves its contexts behind.
            return copy_context().run(ask)
        except Exception as fault:  # The host's code, its session and its teardown may fail in any way.
            raise HostFailed from fault

    def _environ_of(self, request: Request) -> dict[str, Any]:
        """Return the request as the host would have got it, but without a body: ours must not be read by anybody else."""
        environ = dict(request.environ)
        script_name = str(environ.get("SCRIPT_NAME", ""))
        environ["SCRIPT_NAME"] = script_name.removesuffix(self._prefix)
        environ["PATH_INFO"] = self._prefix + str(environ.get("PATH_INFO", ""))
        environ.update({"wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"})
        for name in ("HTTP_TRANSFER_ENCODING", "wsgi.input_terminated", "werkzeug.request"):
            environ.pop(name, None)
        return environ


def list_customers_of(
    services: Services,
    merchant_id: str,
    customer: Customer,
    describe: Callable[[], Mapping[str, Any] | None],
    *,
    actor: Actor,
    at: datetime,
) -> list[str]:
    """Return the ids of those who may sign in and whom the host means: one, or none, or several of one email address.

    An unknown one is created with what `describe` returns. Raises InvalidCustomer, or DuplicateCustomer when another customer has
    the address or telephone of these details: nobody becomes somebody else by them.
    """
    scope = MerchantScope(merchant_id)
    if customer.email is not None and not customer.is_verified:
        return []
    with services.database.read() as reader:
        found = [account.id for account in list_named_accounts(reader, scope, customer.name)]
    if found or customer.id is not None:
        return found
    details = describe()
    if details is None:
        return []
    try:
        created = services.database.run(
            lambda session: create_customer(
                session, merchant_id, read_details(_named_details(customer, details)), actor=actor, at=at
            )
        )
    except DuplicateCustomer as fault:
        # Another request was first; or the customer is blocked or deleted, and does not come back as another one.
        with services.database.read() as reader:
            found = [account.id for account in list_named_accounts(reader, scope, customer.name)]
        if not found and fault.field != ("reference" if customer.reference is not None else "email"):
            raise
        return found
    return [created]


def _named_details(customer: Customer, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details with what the host named the customer by, which they may not contradict."""
    field, value = ("reference", customer.reference) if customer.reference is not None else ("email", customer.email)
    if details.get(field) not in (None, value):
        raise InvalidCustomer(field, f"{field} is another one than the customer is named by")
    named = {**details, field: value}
    # A reference that would be stored in another form would be somebody else's name, or nobody's.
    if field == "reference" and normalise_details(read_details({field: value})).columns[field] != value:
        raise InvalidCustomer(field, "reference has spaces or characters that are not stored as they are")
    return named


def _can_be_stored(text: str) -> bool:
    # A NUL and half of a surrogate pair are refused by the databases, even in a comparison.
    return bool(text.strip()) and "\0" not in text and text == text.encode(errors="ignore").decode()


def _stored_form(address: str) -> str:
    try:
        return normalise_email(address)
    except ContactRefused:
        return address  # No customer has it.


def _read_identity(answer: object) -> Customer | None:
    if answer is None or isinstance(answer, Customer):
        return answer
    if isinstance(answer, str):
        return Customer(reference=answer)
    raise UnknownCustomer(f"identify returned {type(answer).__name__}; it returns None, a Customer or a reference")


def _read_created(answer: object) -> Mapping[str, Any] | None:
    if answer is None or isinstance(answer, Mapping):
        return answer
    raise UnknownCustomer(f"create returned {type(answer).__name__}; it returns the details by their names, or None")


def _takes_an_argument(function: Callable[..., object]) -> bool:
    return any(
        each.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) and each.default is Parameter.empty
        for each in signature(function).parameters.values()
    )
