"""Who loses access at the very moment at which it is used: whichever commits first, nobody has it after both. Real threads, PostgreSQL above all:
SQLite has one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from portal.customers.operations import change_email
from portal.events.rules import EventType, customer_actor
from portal.people.models import Person
from portal.privacy.models import Erasure
from portal.privacy.operations.erasing import withdraw_erasure_since
from portal.sign_in.models import Passkey, SignInSession
from portal.sign_in.operations import end_access
from portal.sign_in.operations.passkeys import remove_passkeys_since
from portal.sign_in.operations.people import end_people_since
from tests.support.authenticator import NEW, Authenticator, options_of
from tests.support.notices import with_fresh_code
from tests.support.page_client import PageClient
from tests.support.site import ADDRESS, Site, path_of

_SECONDS = 0.6
"""How long the one that takes access away stays open before it commits: the other one has read what was before, and waits for its locks."""


@contextmanager
def while_open(site: Site, work: Callable[[Any], Any]) -> Iterator[None]:
    """Do `work` in a transaction that commits a moment after the block has begun."""
    is_done, pool = threading.Event(), ThreadPoolExecutor(1)

    def run() -> None:
        with site.services.database.unit_of_work() as session:
            work(session)
            session.flush()
            is_done.set()
            threading.Event().wait(_SECONDS)

    future = pool.submit(run)
    assert is_done.wait(10)
    yield
    future.result()
    pool.shutdown()


def give_the_address_back(site: Site, session: Any) -> None:
    """What undoing a change of address does with it and with sessions."""
    actor, at = customer_actor(site.scope.customer_id), site.clock.now()
    change_email(session, site.scope, ADDRESS, event_type=EventType.CUSTOMER_EMAIL_CHANGE_UNDONE, actor=actor, at=at)
    end_access(session, site.scope, actor=actor, at=at)


def live_sessions(site: Site) -> int:
    return len([row for row in site.rows(SignInSession) if row.revoked_at is None])


def test_sign_in_by_the_address_of_a_change_that_is_undone_at_this_moment_leaves_no_session(site: Site) -> None:
    thief: PageClient = site.browser()
    site.change_customer(site.scope, email="thief@else.example", email_key="thief@else.example")
    path = path_of(site.request_mail(thief, "thief@else.example"))

    with while_open(site, partial(give_the_address_back, site)):
        thief.client.post(path, headers={"Sec-Fetch-Site": "same-origin"})

    assert live_sessions(site) == 0
    assert thief.client.get("/acme/payments").status_code == 303


def undo_everything(site: Site, since: Any, session: Any) -> None:
    """The rest of the undo: what was let in since the change."""
    actor, at = customer_actor(site.scope.customer_id), site.clock.now()
    give_the_address_back(site, session)
    remove_passkeys_since(session, site.scope, since, actor=actor, at=at)
    end_people_since(session, site.scope, since, (), actor=actor, at=at)
    withdraw_erasure_since(session, site.scope, since, actor=actor, at=at)


def invite(site: Site, thief: PageClient) -> int:
    data = {"email": "second@else.example", "name": "", "role": "owner"}
    return post(thief, "/acme/people", data)


def add_a_passkey(site: Site, thief: PageClient) -> int:
    return post(thief, NEW, {"answer": thief.answer})  # type: ignore[attr-defined]


def ask_for_erasure(site: Site, thief: PageClient) -> int:
    return post(thief, "/acme/privacy/erasure", {"sure": "yes"})


def post(browser: PageClient, path: str, data: dict[str, str]) -> int:
    return browser.client.post(path, data=data, headers={"Sec-Fetch-Site": "same-origin"}).status_code


@pytest.mark.parametrize("act", [invite, add_a_passkey, ask_for_erasure])
def test_act_in_a_session_that_ends_at_this_moment_lets_nobody_in(
    site: Site, act: Callable[[Site, PageClient], int]
) -> None:
    """The guard has seen the session alive; the undo has taken back all that it finds, and commits."""
    since, thief = site.clock.now(), with_fresh_code(site)
    thief.answer = Authenticator().create(options_of(thief.get(NEW), "/passkeys/new"))  # type: ignore[attr-defined]

    with while_open(site, partial(undo_everything, site, since)):
        act(site, thief)

    assert [row for row in site.rows(Person) if row.removed_at is None] == []
    assert [row for row in site.rows(Passkey) if row.removed_at is None] == []
    assert site.rows(Erasure) == []
