"""An installation of real processes on one database: a web server and workers that tests kill, and a sandbox that outlives them."""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import requests

from portal.database import Database
from portal.merchants.operations import NewMerchant, connect_gateway, create_merchant
from portal.pay_links.operations import address_of, create_pay_link
from portal.settings import Settings
from portal.tenancy import MerchantScope
from tests.crash import process
from tests.support.actors import OPERATOR
from tests.support.live_accounts import Account, LiveAccounts, LiveSandbox

ROOT = Path(__file__).resolve().parents[2]
SLUG = "acme"
EVENT_SECRET = "events"
DEAD = -signal.SIGKILL
END_SECONDS = 20
GATEWAY_TIMEOUT_SECONDS = 1
"""How long the portal waits for the sandbox: a slow answer has to be slower."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.crash.process", "tests.crash.prepared"])


@dataclass
class Running:
    """A process that runs until it is ended, with the pipe that it lives by."""

    process: BaseProcess
    lifeline: Connection

    def await_end(self) -> int:
        """Wait until it has ended; tells its exit code, which is DEAD when it was killed."""
        code = _join(self.process)
        self.lifeline.close()
        return code


@dataclass
class Installation:
    """`env` is what every process of it is started with. One web server runs at a time, always at the same address."""

    env: Mapping[str, str]
    accounts: LiveAccounts
    port: int
    _web: Running | None = None
    _wanted: tuple[str, int] = ("", 0)
    _worker: Running | None = None

    @property
    def database(self) -> Database:
        return self.accounts.database

    def serve(self, crash_at: str = "", *, gateway_timeout_seconds: int = GATEWAY_TIMEOUT_SECONDS) -> None:
        """Run the web server; `crash_at` is where it shall die. One that runs already, and is no other, is kept."""
        wanted = (crash_at, gateway_timeout_seconds)
        if self._web is not None:
            if wanted == self._wanted == ("", GATEWAY_TIMEOUT_SECONDS):
                return
            self.stop()
        self._wanted = wanted
        # A database that nobody has open any more: what the dead left behind is recovered by the next one to come.
        self.database.dispose()
        env = {**self.env, "PORTAL_GATEWAY_TIMEOUT_SECONDS": str(gateway_timeout_seconds)}
        self._web = _start(process.serve, env, crash_at, self.port)

    def start_worker(self) -> None:
        """Let a worker run beside the web server, as production has it, until it is killed or the installation closed."""
        self._worker = _start(process.work_on, self.env)

    def kill_worker(self) -> int:
        """End the running worker by SIGKILL; tells its exit code."""
        assert self._worker is not None
        worker, self._worker = self._worker, None
        worker.process.kill()
        return worker.await_end()

    def work(self, crash_at: str = "") -> int:
        """One round of the worker; tells its exit code, which is DEAD when it was killed."""
        return self._run(process.work, crash_at)

    def refund(self, account: Account, payment_id: str, crash_at: str = "") -> int:
        """A small refund of the payment; tells its process's exit code."""
        return self._run(process.refund, crash_at, account.merchant.id, payment_id)

    def send_event(self, event_id: str, reference: str) -> int:
        """Tell the portal of a charge, as the sandbox would; tells the status of the answer."""
        body = json.dumps({"id": event_id, "type": "charge.succeeded", "data": {"reference": reference}}).encode()
        stamp = str(int(datetime.now(UTC).timestamp()))
        digest = hmac.new(EVENT_SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return requests.post(
            f"{self.env['PORTAL_BASE_URL']}/hooks/{SLUG}/sandbox",
            data=body,
            headers={"Sandbox-Signature": f"t={stamp},v1={digest}"},
            timeout=END_SECONDS,
        ).status_code

    def kill(self) -> None:
        """End the web server as a power cut of its process would."""
        assert self._web is not None
        self._web.process.kill()

    def stop(self) -> int:
        """Ask the web server to end; tells its exit code."""
        assert self._web is not None
        self._web.process.terminate()
        return self.await_end()

    def await_end(self) -> int:
        """Wait until the web server has ended; tells its exit code, which is DEAD when it was killed."""
        assert self._web is not None
        web, self._web = self._web, None
        return web.await_end()

    def visit(self, account: Account) -> Visitor:
        """A browser in which the customer is signed in."""
        http = requests.Session()
        http.trust_env = False
        http.headers["Sec-Fetch-Site"] = "same-origin"
        name, token = account.sign_in()
        http.cookies.set(name, token, domain="127.0.0.1")
        return Visitor(http, account.root)

    def visit_by_link(self, account: Account, invoice_id: str) -> Visitor:
        """A browser of nobody, below the pay link of the invoice."""
        http = requests.Session()
        http.trust_env = False
        http.headers["Sec-Fetch-Site"] = "same-origin"
        scope, at = MerchantScope(account.merchant.id), datetime.now(UTC)
        with self.database.unit_of_work() as session:
            link_id = create_pay_link(session, scope, invoice_id, actor=OPERATOR, at=at)
        settings = self.accounts.settings
        return Visitor(http, address_of(settings, account.merchant.id, account.merchant.slug, link_id))

    def add_merchant(self, slug: str, currency: str) -> None:
        """A merchant that takes payments at the sandbox, which sends it events."""
        at, settings = datetime.now(UTC), self.accounts.settings
        secrets = {"secret_key": f"sk_sandbox_{slug}", "event_secret": EVENT_SECRET}
        with self.database.unit_of_work() as session:
            merchant = create_merchant(
                session, NewMerchant(slug=slug, name="Acme", currency=currency), actor=OPERATOR, at=at
            )
            connect_gateway(session, merchant, "sandbox", secrets, keys=settings.keys, actor=OPERATOR, at=at)
        hook = f"{settings.base_url}/hooks/{slug}/sandbox"
        self.accounts.sandbox.send_events_to(secrets["secret_key"], hook, secrets["event_secret"])

    def close(self) -> None:
        if self._worker is not None:
            self.kill_worker()
        if self._web is not None:
            self.stop()

    def _run(self, role: Callable[..., None], crash_at: str, *words: str) -> int:
        forked = _FORKS.Process(target=role, args=(self.env, crash_at, *words))
        forked.start()
        return _join(forked)


@dataclass(frozen=True)
class Visitor:
    """What a customer does, without a browser around it."""

    http: requests.Session
    root: str

    def confirm(self, payment_id: str) -> int:
        """Press Pay; tells the status."""
        return self._post(f"/checkout/{payment_id}/confirmation")

    def begin_by_link(self) -> str:
        """Choose the gateway's page below a pay link; tells the payment's id."""
        answer = self.http.post(self.root, {"payment_method": "new"}, allow_redirects=False, timeout=END_SECONDS)
        assert answer.status_code == 303, answer.status_code
        return answer.headers["Location"].rpartition("/")[2]

    def cancel(self, payment_id: str) -> int:
        return self._post(f"/checkout/{payment_id}/cancellation")

    def add_method(self) -> int:
        """Go on to the gateway's page for a new method; tells the status."""
        return self._post("/payment-methods/new")

    def look(self, path: str) -> str:
        """Open a page; tells its HTML."""
        answer = self.http.get(self.root + path, timeout=END_SECONDS)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def _post(self, path: str) -> int:
        return self.http.post(self.root + path, allow_redirects=False, timeout=END_SECONDS).status_code


@contextmanager
def install(database: Database, folder: Path, smtp_url: str) -> Iterator[Installation]:
    """A merchant on this (migrated, empty) database, and a sandbox that takes its payments and sends it events."""
    with _sandbox(folder / "sandbox.db") as sandbox_url:
        port = _free_port()
        env = {
            "PORTAL_SECRET_KEY": "a secret for tests alone of more than thirty-two characters",
            "PORTAL_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "PORTAL_BASE_URL": f"http://127.0.0.1:{port}",
            "PORTAL_SANDBOX_URL": sandbox_url,
            "PORTAL_SMTP_URL": smtp_url,
            "PORTAL_MAIL_FROM": "portal@test.example",
            "PORTAL_GATEWAY_TIMEOUT_SECONDS": str(GATEWAY_TIMEOUT_SECONDS),
            "PORTAL_LOG_LEVEL": "ERROR",
            "PORTAL_PAYMENT_ATTEMPTS_PER_CUSTOMER_PER_HOUR": "1000000",
            "PORTAL_PAYMENT_PROMPTS_PER_PHONE_PER_HOUR": "1000000",
            "PORTAL_PAGES_PER_IP_PER_MINUTE": "1000000",
        }
        sandbox = LiveSandbox(sandbox_url)
        installation = Installation(env, LiveAccounts(Settings.load(env), database, sandbox), port)
        installation.add_merchant(SLUG, "USD")
        try:
            yield installation
        finally:
            installation.close()
            sandbox.close()


def _start(role: Callable[..., None], *words: object) -> Running:
    """Start a process and wait until it says that it is ready."""
    here, there = _FORKS.Pipe()
    forked = _FORKS.Process(target=role, args=(*words, there))
    forked.start()
    there.close()
    assert here.poll(END_SECONDS) and here.recv() == "ready", f"{role.__name__} did not start"
    return Running(forked, here)


def _join(forked: BaseProcess) -> int:
    forked.join(END_SECONDS)
    code = forked.exitcode
    assert code is not None, "it did not end in time"
    forked.close()
    return code


@contextmanager
def _sandbox(file: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.crash.lifeline", "portal.sandbox_gateway", "--database", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("sandbox ready "), line
        try:
            yield line.split()[-1]
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
