"""`python -m tests.bench.hanging`: the overview, and the probe, while a gateway hangs and customers confirm payments at it.

The web server and the worker are those of production, as processes; the gateway takes every connection and answers none. Prints, decides
nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests

from portal.database import Database
from portal.merchants.operations import NewMerchant, connect_gateway, create_merchant
from portal.migrations import upgrade
from portal.settings import Settings
from tests.bench.servers import free_port, running
from tests.support.actors import OPERATOR
from tests.support.live_accounts import Account, LiveAccounts, LiveSandbox

SLUG = "acme"
_TIMEOUT_SECONDS = 60


@dataclass
class Timed:
    """What one address took, in seconds."""

    name: str
    seconds: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The share of a hundred that was not slower, in milliseconds."""
        return 1000 * statistics.quantiles(self.seconds, n=100, method="inclusive")[round(share * 100) - 1]

    def __str__(self) -> str:
        worst = 1000 * max(self.seconds)
        return f"{self.name:<22} {len(self.seconds):>5} requests  median {self.at(0.5):6.1f}  p95 {self.at(0.95):6.1f}  most {worst:7.1f} ms"


def main() -> int:
    options = _options()
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()},"
        f" SQLite, load average {os.getloadavg()[0]:.1f}, {options.confirmations} confirmations at a gateway that hangs"
    )
    with _portal(options.confirmations, options.workers) as (accounts, payments, visitor):
        idle = _watch(visitor, threading.Event(), options.seconds)
        sessions = [_session(payer) for payer in accounts]
        stop = threading.Event()
        confirmations = Timed("confirmations")
        with ThreadPoolExecutor(options.confirmations + 1) as pool:
            watching = pool.submit(_watch, visitor, stop, None)
            time.sleep(0.2)
            pressed = [pool.submit(_confirm, *each) for each in zip(accounts, payments, sessions, strict=True)]
            confirmations.seconds = [each.result() for each in pressed]
            hanging = sum(
                payer.payment(payment).status == "processing" for payer, payment in zip(accounts, payments, strict=True)
            )
            time.sleep(options.seconds)
            stop.set()
            busy = watching.result()
    for before, during in zip(idle, busy, strict=True):
        print(f"idle     {before}")
        print(f"hanging  {during}   p95 {during.at(0.95) / before.at(0.95):.2f} of idle")
    print(f"         {confirmations}, {hanging} without an outcome")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.hanging", description=__doc__)
    parser.add_argument("--confirmations", type=int, default=64, help="payments confirmed at once (default 64)")
    parser.add_argument("--seconds", type=float, default=15, help="how long pages are measured (default 15)")
    parser.add_argument("--workers", type=int, help="as for `portal serve`; without it one process of threads")
    return parser.parse_args()


@contextmanager
def _portal(count: int, workers: int | None) -> Iterator[tuple[list[Account], list[str], Account]]:
    """A running portal; customers with a checkout each, ready to be confirmed, and one who only looks."""
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder, ExitStack() as stack:
        gateway, port = stack.enter_context(_hanging_gateway()), free_port()
        env = {
            "PORTAL_SECRET_KEY": "a secret for benches alone of more than thirty-two characters",
            "PORTAL_DATABASE_URL": f"sqlite:///{Path(folder) / 'hanging.db'}",
            "PORTAL_BASE_URL": f"http://127.0.0.1:{port}",
            "PORTAL_SANDBOX_URL": gateway,
            "PORTAL_GATEWAY_TIMEOUT_SECONDS": "30",
            "PORTAL_LOG_LEVEL": "ERROR",
            "PORTAL_PAGES_PER_IP_PER_MINUTE": "1000000",
        }
        settings = Settings.load(env)
        database = Database(settings.database_url)
        upgrade(database)
        live = LiveAccounts(settings, database, LiveSandbox(gateway))
        secrets = {"secret_key": f"sk_sandbox_{SLUG}", "event_secret": "events"}
        with database.unit_of_work() as session:
            at = datetime.now(UTC)
            merchant = create_merchant(
                session, NewMerchant(slug=SLUG, name="Acme", currency="USD"), actor=OPERATOR, at=at
            )
            connect_gateway(session, merchant, "sandbox", secrets, keys=settings.keys, actor=OPERATOR, at=at)
        payers = [live.create() for _ in range(count)]
        payments = [payer.begin(payer.open_invoice()) for payer in payers]
        visitor = live.create()
        for _ in range(5):
            visitor.open_invoice()
        command = [sys.executable, "-m", "portal", "serve", "--port", str(port)]
        stack.enter_context(running(command + (["--workers", str(workers)] if workers else []), env, port))
        stack.enter_context(_worker(env))
        yield payers, payments, visitor


@contextmanager
def _worker(env: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", "portal", "worker"], env={**os.environ, **env}) as process:
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()


@contextmanager
def _hanging_gateway() -> Iterator[str]:
    """An address that takes every connection, and never answers on one."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:

        def take() -> None:
            with suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def _watch(visitor: Account, stop: threading.Event, seconds: float | None) -> tuple[Timed, Timed]:
    """Fetch the overview and the probe by turns, until the time is up or `stop` is set."""
    overview, probe = Timed("overview"), Timed("/healthz")
    until = time.monotonic() + (seconds if seconds is not None else 1e9)
    with _session(visitor) as http:
        while time.monotonic() < until and not stop.is_set():
            for timed, url in ((overview, f"{visitor.root}/"), (probe, f"{visitor.live.settings.base_url}/healthz")):
                began = time.monotonic()
                answer = http.get(url, timeout=_TIMEOUT_SECONDS)
                timed.seconds.append(time.monotonic() - began)
                answer.raise_for_status()
            time.sleep(0.01)
    return overview, probe


def _confirm(payer: Account, payment: str, session: requests.Session) -> float:
    """Press Pay, and open the page that is the answer; return what both took together."""
    with session as http:
        began = time.monotonic()
        answer = http.post(
            f"{payer.root}/checkout/{payment}/confirmation", allow_redirects=False, timeout=_TIMEOUT_SECONDS
        )
        assert answer.status_code == 303, answer.status_code
        http.get(f"{payer.root}/payments/{payment}", timeout=_TIMEOUT_SECONDS).raise_for_status()
        return time.monotonic() - began


def _session(account: Account) -> requests.Session:
    http = requests.Session()
    http.trust_env = False
    http.headers["Sec-Fetch-Site"] = "same-origin"
    name, token = account.sign_in()
    http.cookies.set(name, token, domain="127.0.0.1")
    return http


if __name__ == "__main__":
    sys.exit(main())
