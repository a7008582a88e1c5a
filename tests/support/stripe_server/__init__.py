"""Stripe on loopback: its API as it is documented, with what goes wrong on request, and books of its own.

Shapes are those of https://docs.stripe.com/api; which cards do what, https://docs.stripe.com/testing. `books` is what happens at
Stripe, `api` how requests are answered (keys, idempotency, lists), `forms` reads what the SDK writes, `server` is HTTP, `mischief` goes wrong.
"""

from tests.support.stripe_server.api import SECRET_KEY
from tests.support.stripe_server.books import StripeBooks
from tests.support.stripe_server.server import EVENT_SECRET, StripeServer, event, sign

__all__ = ["EVENT_SECRET", "SECRET_KEY", "StripeBooks", "StripeServer", "event", "sign"]
