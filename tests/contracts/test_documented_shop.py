"""The complete shop of docs/mounting.md runs as it stands there: its file, its commands, its server, its worker and the sandbox gateway."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from tests.crash.browser import Browser, Page
from tests.support.waiting import wait_for

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/mounting.md"
GOOD_CARD = "4242424242424242"


def blocks(language: str) -> list[str]:
    section = DOCUMENT.read_text().partition("\n## A complete shop\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class RunningShop:
    """The shop's address, and its folder with both databases."""

    origin: str
    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> str:
        return run(command, self.folder, self.environment)

    def value(self, file: str, query: str, *arguments: str) -> Any:
        """The one value of a query to one of the two databases."""
        with closing(sqlite3.connect(self.folder / "instance" / file)) as database:
            (value,) = database.execute(query, arguments).fetchone()
        return value

    def noted_payments(self) -> int:
        """How many payments the receiver of the signal has noted, in whichever process."""
        return int(self.value("shop.db", "select count(*) from paid_order"))


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def running(command: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """One of the document's processes; it ends cleanly on SIGTERM when the block does."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command.strip()}"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0, command
    finally:
        process.kill()
        process.communicate(timeout=20)


def said(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in iter(process.stdout.readline, ""):
        if words in line:
            return
    raise AssertionError(f"it ended before it said {words!r}")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    folder = tmp_path_factory.mktemp("shop")
    (program,), (invoices,) = blocks("python"), blocks("csv")
    (folder / "shop.py").write_text(program)
    (folder / "invoices.csv").write_text(invoices)
    ports = {"5000": free_port(), "5055": free_port()}
    settings, sandbox, once, server, worker = (in_ports(block, ports) for block in blocks("sh"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "FLASK_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(DOCUMENT.parents[1]), "PYTHONUNBUFFERED": "1",
        # The worker has no mail server here; what it cannot send is none of this test's business.
        "PORTAL_SMTP_URL": f"smtp://127.0.0.1:{free_port()}",
    }  # fmt: skip
    exported = run(f"{settings}\nenv -0", folder, environment)
    environment |= dict(entry.split("=", 1) for entry in exported.split("\0") if "=" in entry)
    with running(sandbox, folder, environment) as gateway:
        said(gateway, "sandbox ready")
        created = run(once, folder, environment)
        origin = f"http://127.0.0.1:{ports['5000']}"
        assert f'"url": "{origin}/billing"' in created
        with running(server, folder, environment) as served, running(worker, folder, environment):
            said(served, "ready at")
            yield RunningShop(origin, folder, environment)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def in_ports(text: str, ports: dict[str, int]) -> str:
    for documented, free in ports.items():
        text = re.sub(rf"\b{documented}\b", str(free), text)
    return text


def follow(browser: Browser, page: Page) -> Page:
    """The page to which redirects lead on the shop's own origin."""
    while page.leads_to and urlsplit(page.leads_to).netloc == urlsplit(page.url).netloc:
        page = browser.open(page.leads_to)
    return page


def log_in(shop: RunningShop, browser: Browser, email: str) -> Page:
    form = browser.open(f"{shop.origin}/log-in").form("/log-in")
    assert form is not None
    return follow(browser, browser.send(form, email=email, password="correct horse"))


def pay(shop: RunningShop, browser: Browser, number: str) -> Page:
    """Pay an invoice by a new card on the gateway's page; return what that page answers."""
    invoice = shop.value("portal.db", "select id from invoices where number = ?", number)
    form = browser.open(f"{shop.origin}/billing/checkout?invoice={invoice}").form("/checkout")
    assert form is not None
    form = browser.open(browser.send(form, payment_method="new").leads_to).form("/confirmation")
    assert form is not None
    page = browser.open(browser.send(form).leads_to)
    gateways = re.search(r'http://localhost:\d+/[^"\s]+', page.leads_to or page.text)
    assert gateways, page.text
    url = gateways[0]
    form = browser.open(url).form(url.rsplit("/", 1)[1])
    assert form is not None
    return browser.send(form, channel="card", number=GOOD_CARD, expiry="08/40", cvc="123")


def test_shop_signs_in_takes_payments_hears_of_them_and_signs_out(shop: RunningShop) -> None:
    with Browser() as browser:
        assert "Hello Maya Lindqvist. 0 paid." in log_in(shop, browser, "maya@lindqvist.example").text
        assert "A-1001" in browser.open(f"{shop.origin}/billing/invoices").text

        # Back from the gateway: the server records it, and its receiver hears of it.
        follow(browser, browser.open(pay(shop, browser, "A-1001").leads_to))
        wait_for(lambda: shop.noted_payments() == 1, seconds=20)
        assert "1 paid." in browser.open(f"{shop.origin}/").text

        # Never back: the worker records it, and the receiver hears of it there.
        pay(shop, browser, "A-1002")
        wait_for(lambda: shop.noted_payments() == 2, seconds=40)

        form = browser.open(f"{shop.origin}/").form("/log-out")
        assert form is not None
        assert browser.send(form).status == 302
        page = browser.open(f"{shop.origin}/billing/invoices?status=paid")
        assert urljoin(shop.origin, page.leads_to).startswith(f"{shop.origin}/billing/sign-in")

        # The next person at this computer, whom the portal did not know.
        shop.run('flask add-user "Noah Berg" noah@berg.example --password "correct horse"')
        log_in(shop, browser, "noah@berg.example")
        page = browser.open(f"{shop.origin}/billing/invoices?status=all")
        assert page.status == 200
        assert "Noah Berg" in page.text
        assert "A-1001" not in page.text
