"""The customer's payments: the history, as a page and as a file, and one payment."""

from __future__ import annotations

from flask import Blueprint

from portal.payments.views.history import payments, payments_csv
from portal.payments.views.payment import payment


def add_routes(blueprint: Blueprint) -> None:
    """The addresses of the payments."""
    blueprint.add_url_rule("/payments", "payments", payments)
    blueprint.add_url_rule("/payments.csv", "payments_csv", payments_csv)
    blueprint.add_url_rule("/payments/<payment_id>", "payment", payment)
