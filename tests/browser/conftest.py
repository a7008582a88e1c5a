"""The browser of the journeys: this machine's Chromium, and a page that fails the test on any fault of its scripts or policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.support.chromium import ARGUMENTS, ChromiumMissing, find_chromium


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = find_chromium()
    if chromium is None:
        raise ChromiumMissing("no Chromium: run `make browser`")
    return {**browser_type_launch_args, "executable_path": str(chromium), "args": list(ARGUMENTS)}


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


# --- the portal that the journeys go through: `live_portal` comes here ---
