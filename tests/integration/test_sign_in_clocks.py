"""The clocks of two processes differ by up to five minutes: no link, code or session runs out early, and no mail leaves late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.clock import MovableClock
from portal.sign_in.models import SignInSession
from portal.sign_in.operations import create_portal_session
from portal.worker import clean_up
from tests.support.actors import OPERATOR
from tests.support.apps import served_app
from tests.support.site import path_of

MOST = 5


def process(site, minutes):
    """The same site in another process, whose clock is so many minutes ahead."""
    clock = MovableClock(site.clock.now() + timedelta(minutes=minutes))
    services = replace(site.services, clock=clock)
    return replace(site, services=services, clock=clock, app=served_app(services))


def enter(browser, code, status=303):
    return browser.post("/acme/sign-in/code", {"code": code}, status=status)


@pytest.mark.parametrize("minutes", [2, MOST, -2, -MOST])
def test_link_and_code_work_for_their_ten_minutes_whatever_the_clock_of_the_worker(site, minutes):
    by_code, by_link = site.browser(), site.browser()
    site.request_sign_in(by_code)
    site.add_customer("jonas@berg.example")
    site.request_sign_in(by_link, "jonas@berg.example")

    first, second = process(site, minutes).deliver()

    assert first.message["To"] != second.message["To"]
    by_link.get(path_of(second))
    site.clock.advance(minutes=9, seconds=59)
    enter(by_code, first.code)
    by_link.post(path_of(second))


@pytest.mark.parametrize("minutes", [MOST, -MOST])
def test_code_works_at_a_web_process_whose_clock_differs_from_that_of_the_request(site, minutes):
    browser = site.browser()
    caught = site.request_mail(browser)
    other = process(site, minutes)
    browser.client.application = other.app

    enter(browser, caught.code)

    browser.client.application = site.app
    assert browser.client.get("/acme/").status_code == 200


def test_clock_that_is_further_off_revives_nothing(site):
    browser = site.browser()
    site.request_sign_in(browser)
    (caught,) = process(site, 6).deliver()

    browser.post(path_of(caught), status=410)

    assert site.count(SignInSession) == 0


def test_session_of_the_api_works_at_a_process_whose_clock_is_behind(site):
    ahead = process(site, MOST)
    with ahead.services.database.unit_of_work() as session:
        minted = create_portal_session(
            session, ahead.services.settings, site.scope, at=ahead.clock.now(), actor=OPERATOR
        )

    site.browser().post(f"/acme{minted.path}")


def test_worker_whose_clock_is_ahead_closes_nothing_that_is_open(site):
    browser = site.browser()
    caught = site.request_mail(browser)
    site.clock.advance(minutes=9, seconds=59)

    clean_up(process(site, MOST).services)

    enter(browser, caught.code)
