"""The seeded bugs, by what they take a safeguard away from; each module has the `BUGS` of one part of the portal."""

from __future__ import annotations

from tests.bugs.catalogue import (
    card_numbers,
    database,
    documents,
    frames,
    importing,
    mail,
    money,
    notices,
    outcomes,
    pages,
    pay_links,
    payments,
    people,
    privacy,
    provider_events,
    sign_in,
    status_events,
    themes,
    worker,
)
from tests.bugs.catalogue.bug import Bug

BUGS: tuple[Bug, ...] = (
    *status_events.BUGS,
    *payments.BUGS,
    *outcomes.BUGS,
    *money.BUGS,
    *database.BUGS,
    *provider_events.BUGS,
    *worker.BUGS,
    *sign_in.BUGS,
    *mail.BUGS,
    *notices.BUGS,
    *importing.BUGS,
    *pages.BUGS,
    *card_numbers.BUGS,
    *documents.BUGS,
    *pay_links.BUGS,
    *people.BUGS,
    *privacy.BUGS,
    *frames.BUGS,
    *themes.BUGS,
)
