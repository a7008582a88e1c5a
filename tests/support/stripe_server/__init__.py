"""Stripe on loopback: its API as it is documented, with what goes wrong on request, and books of its own.

Shapes are those of https://docs.stripe.com/api; which cards do what, https://docs.stripe.com/testing. `books` is what happens
at Stripe, `server` is HTTP: keys, idempotency, lists by pages, mischief; `forms` reads what the SDK writes.
"""

from tests.support.stripe_server.books import StripeBooks
from tests.support.stripe_server.server import EVENT_SECRET, SECRET_KEY, StripeServer

__all__ = ["EVENT_SECRET", "SECRET_KEY", "StripeBooks", "StripeServer"]
