"""The browser of the journeys: this machine's Chromium, and a page that fails the test on any fault of its scripts or policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.support.chromium import ARGUMENTS, ChromiumMissing, find_chromium
from tests.support.live_accounts import Account
from tests.support.live_portal import LivePortal, run_demo
from tests.support.tiers import IS_LONG

collect_ignore = [] if IS_LONG else ["test_firefox.py"]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = find_chromium()
    if chromium is None:
        raise ChromiumMissing("no Chromium: run `make browser`")
    return {**browser_type_launch_args, "executable_path": str(chromium), "args": list(ARGUMENTS)}


@pytest.fixture(scope="session")
def base_url() -> None:
    """No address goes before those of the tests. The plugin's own fixture of this name is one that pytest warns of."""


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    # A locale and a timezone of their own, so that a test on any machine sees the same page.
    return {**browser_context_args, "locale": "en-US", "timezone_id": "UTC", "reduced_motion": "reduce"}


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose uncaught errors, console errors and refusals by the policy fail the test."""
    faults: list[str] = []
    context.on("weberror", lambda error: faults.append(f"uncaught: {error.error}"))
    context.on("console", lambda message: faults.extend(_faults_of(message)))
    page = context.new_page()
    yield page
    assert not faults, "the browser's console: " + "; ".join(faults)


def _faults_of(message: ConsoleMessage) -> list[str]:
    # A 404 or a 422 is an answer, and what it should be is for the test to say.
    is_answer = "the server responded with a status of 4" in message.text
    return [f"{message.text} ({message.location.get('url')})"] if message.type == "error" and not is_answer else []


# --- the portal that the journeys go through: the demo, with customers of the test's own ---


@pytest.fixture(scope="session")
def live_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePortal]:
    """`portal demo`, run for this worker's journeys; each makes the customers that it changes something of."""
    with run_demo(tmp_path_factory.mktemp("demo") / "data") as portal:
        yield portal


@pytest.fixture
def enter(context: BrowserContext) -> Callable[[Account], None]:
    """Signs a customer in to this browser, for journeys that are not about signing in."""

    def sign_in(account: Account) -> None:
        name, token = account.sign_in()
        context.add_cookies([{"name": name, "value": token, "url": account.live.settings.base_url}])

    return sign_in
