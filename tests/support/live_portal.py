"""The whole system as `portal demo` runs it, started for tests: its addresses, its customers, its caught mail."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from portal.database import Database
from portal.settings import Settings
from tests.support.live_accounts import LiveAccounts, LiveSandbox
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 30

# Limits that one person never meets, but a suite that signs in fifty times a minute does; and a gateway with a short timeout.
_RAISED = {
    "PORTAL_SIGN_IN_MAILS_PER_ADDRESS_PER_MINUTE": "1000",
    "PORTAL_SIGN_IN_MAILS_PER_ADDRESS_PER_HOUR": "1000",
    "PORTAL_SIGN_IN_MAILS_PER_IP_PER_HOUR": "10000",
    "PORTAL_GATEWAY_TIMEOUT_SECONDS": "2",
    "PORTAL_LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True)
class LivePortal:
    """A running demo. `origin` is the portal's; `customers` are those that demo.json names, by merchant."""

    origin: str
    accounts: LiveAccounts
    customers: dict[str, list[str]]

    @property
    def sandbox(self) -> LiveSandbox:
        return self.accounts.sandbox

    def mails(self, to: str) -> list[dict[str, Any]]:
        """What was mailed to this address, newest first."""
        with requests.Session() as http:
            http.trust_env = False
            caught: list[dict[str, Any]] = http.get(f"{self.origin}/demo/mail.json", timeout=10).json()
        return [mail for mail in caught if to in mail["to"]]

    def _codes(self, to: str) -> list[dict[str, Any]]:
        return [mail for mail in self.mails(to) if re.search(r"^[A-Z]{4}-[A-Z]{4}$", mail["text"], re.MULTILINE)]

    def await_mail(self, to: str, *, after: int = 0) -> SignInMail:
        """The newest mail with a code to this address, when there are more than `after`; the worker may mail about invoices meanwhile."""
        mails = wait_for(
            lambda: found if len(found := self._codes(to)) > after else None,
            seconds=30,
            sentence=f"no mail to {to} in time",
        )
        return SignInMail(mails[0]["text"])


@dataclass(frozen=True)
class SignInMail:
    """The text of a sign-in mail: the code alone on a line, and then the link alone on a line."""

    text: str

    @property
    def link(self) -> str:
        return next(line for line in self.text.splitlines() if line.startswith("http"))

    @property
    def code(self) -> str:
        return next(line for line in self.text.splitlines() if len(line) == 9 and line[4] == "-")


@contextmanager
def run_demo(folder: Path) -> Iterator[LivePortal]:
    """`portal demo` in `folder` until the block ends; it must end cleanly."""
    with demo_running(folder) as (portal, process):
        yield portal
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS)
        assert code == 0, f"the demo ended with {code}"


@contextmanager
def demo_running(folder: Path) -> Iterator[tuple[LivePortal, subprocess.Popen[str]]]:
    """The same with its process, for who ends it in another way; at the latest it ends when the block does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "portal", "demo", "--port", "0", "--data-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, **_RAISED},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        assert any(line.strip() == "ready" for line in lines), "the demo ended before it was ready"
        demo = json.loads((folder / "demo.json").read_text())
        database, sandbox = Database(demo["env"]["PORTAL_DATABASE_URL"]), LiveSandbox(demo["sandbox"])
        customers = {slug: list(merchant["customers"]) for slug, merchant in demo["merchants"].items()}
        accounts = LiveAccounts(Settings.load(demo["env"]), database, sandbox)
        try:
            yield LivePortal(demo["portal"], accounts, customers), process
        finally:
            database.dispose()
            sandbox.close()
    finally:
        process.terminate()  # Killed at once it would leave its sandbox behind.
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.stdout.close()
