"""What the history of the customer with many payments is narrowed to and searched for, each beside the plain history of the same run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta


def narrowed_queries() -> Mapping[str, str]:
    """The query of each case, by what it asks for. How many of the 10,000 payments have each is in brackets (`seeding`): one in four is
    paid by bank account, one in forty in euros, one in ten failed, one in twelve has each title."""
    middle = datetime.now(UTC) - timedelta(days=500)
    first, last = middle.date(), (middle + timedelta(days=30)).date()
    return {
        "by status": "status=failed",
        "by method (2,500)": "method=bank_account",
        "by currency (250)": "currency=EUR",
        "by method and currency": "method=card&currency=USD",
        "by a month (300)": f"from={first}&to={last}",
        "by status and method": "status=failed&method=card",
        "by status, method, currency, days": f"status=complete&method=card&currency=USD&from={first}&to={last}",
        "for a word (833)": "q=workshop",
        "for a beginning (1,667)": "q=sup",
        "for a number (1)": "q=ACME-05000",
        "for an amount": "q=123.45",
        "for what nothing has": "q=nothing",
        "for two words (833)": "q=team+extended",
        "for two words that never meet": "q=workshop+support",
        "for a word and a number": "q=ACME-05000+team",
        "for a word, and by status (83)": "q=support&status=failed",
        "for a word, and by a status it never has": "q=workshop&status=failed",
        "for a word, and by method and days": f"q=plan&method=card&from={first}",
    }
