"""The processes of `portal demo`: sandbox gateway, mail catcher, worker and web server, with example data on the first start."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import IO, Any
from urllib.request import urlopen

from portal.demo.stale_processes import record_sandbox_process, stop_stale_sandbox
from portal.settings import Settings

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 10
_DEMO_FILES = ("portal.db", "sandbox.db", "demo.json", "mail")
_UNFINISHED = "demo.json.unfinished"
"""Is there while the first start writes the data, of which half is of no use: the secret that opens it is in demo.json, which comes last."""


class DemoError(Exception):
    """The demo cannot start; the message says why."""


def run_demo(port: int, data_dir: Path, *, reset: bool) -> None:
    """Run until SIGINT or SIGTERM. `port` 0 takes a free one; `reset` deletes the data of earlier runs. Raises DemoError."""
    if reset and data_dir.exists():
        if other_files := [path.name for path in data_dir.iterdir() if not path.name.startswith(_DEMO_FILES)]:
            raise DemoError(f"{data_dir} holds what is not the demo's ({other_files[0]}); it is left as it is")
        shutil.rmtree(data_dir)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise DemoError(f"{data_dir} cannot hold the demo's data: {error.strerror}") from error
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _exit)
    _Demo(port, data_dir.absolute()).run()


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


class _Demo:
    """The processes and servers of the demo; they stop together."""

    def __init__(self, port: int, data_dir: Path) -> None:
        self.port, self.data_dir = port, data_dir
        self.state: dict[str, Any] = _read_json(data_dir / "demo.json")
        self.children: dict[str, subprocess.Popen[str]] = {}
        self.catcher: Any = None

    def run(self) -> None:
        try:
            self._serve()
        finally:
            self._stop()

    def _serve(self) -> None:
        from portal.demo.mail_catcher import start_mail_catcher

        server_socket = _listen(self.port)
        self.port = server_socket.getsockname()[1]
        sandbox_url = self._start_sandbox()
        self.catcher, mail_port = start_mail_catcher(self.data_dir / "mail")
        env = self._environment(sandbox_url, mail_port)
        settings = Settings.load(env)
        self._prepare(settings, env)
        self.children["worker"] = self._start([sys.executable, "-m", "portal.demo.worker", str(os.getpid())], env)
        from waitress.server import create_server

        from portal.app import create_app
        from portal.json_logs import write_json_logs

        write_json_logs(settings.log_level)
        app = create_app(settings)
        server = create_server(
            app,
            sockets=[server_socket],
            threads=settings.server_threads,
            clear_untrusted_proxy_headers=True,
            ident=None,
        )
        threading.Thread(target=self._announce, args=(settings,), daemon=True).start()
        server.run()

    def _start_sandbox(self) -> str:
        stop_stale_sandbox(self.data_dir)
        self._begin_anew_where_unfinished()
        previous_port = str(self.state.get("sandbox", "")).rpartition(":")[2]
        for port in dict.fromkeys([previous_port or "0", "0"]):
            command = [sys.executable, "-m", "portal.sandbox_gateway", "--host", HOST, "--port", port, "--database"]
            child = self._start([*command, str(self.data_dir / "sandbox.db")], {}, stdout=subprocess.PIPE)
            assert child.stdout is not None
            line = child.stdout.readline().strip()
            if line.startswith("sandbox ready "):
                self.children["sandbox"] = child
                record_sandbox_process(self.data_dir, child.pid)
                threading.Thread(target=_forward_to_stderr, args=(child.stdout,), daemon=True).start()
                return line.rpartition(" ")[2]
            child.wait(STOP_TIMEOUT_SECONDS)
        raise DemoError("the sandbox gateway did not start")

    def _begin_anew_where_unfinished(self) -> None:
        """Delete what a first start has left that was killed before it was done, and note that this one is not done yet."""
        unfinished = self.data_dir / _UNFINISHED
        if unfinished.exists():
            for path in self.data_dir.iterdir():
                if path != unfinished and path.name.startswith(_DEMO_FILES):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not (self.data_dir / "portal.db").exists():
            unfinished.touch()

    def _environment(self, sandbox_url: str, mail_port: int) -> dict[str, str]:
        previous = self.state.get("env", {})
        return {
            "PORTAL_DATABASE_URL": f"sqlite:///{self.data_dir / 'portal.db'}",
            "PORTAL_SECRET_KEY": previous.get("PORTAL_SECRET_KEY") or secrets.token_urlsafe(48),
            "PORTAL_BASE_URL": f"http://{HOST}:{self.port}",
            "PORTAL_SMTP_URL": f"smtp://{HOST}:{mail_port}",
            "PORTAL_MAIL_FROM": "portal@demo.example",
            "PORTAL_SANDBOX_URL": sandbox_url,
            "PORTAL_DEMO": "1",
            "PORTAL_DEMO_MAIL_DIR": str(self.data_dir / "mail"),
            **RAISED_LIMITS,
            **{
                name: value
                for name, value in os.environ.items()
                if name.startswith("PORTAL_") and name not in _OWN_SETTINGS
            },
        }

    def _prepare(self, settings: Settings, env: Mapping[str, str]) -> None:
        from portal.app import build_services
        from portal.demo.seeding import register_webhook_endpoint, seed
        from portal.migrations import upgrade

        services = build_services(settings)
        upgrade(services.database)
        merchants = {slug: asdict(merchant) for slug, merchant in seed(services).items()} or self.state.get(
            "merchants", {}
        )
        for slug in merchants:
            register_webhook_endpoint(services, slug)
        services.database.dispose()
        state = {"portal": settings.base_url, "sandbox": settings.sandbox_url, "env": dict(env), "merchants": merchants}
        path = self.data_dir / "demo.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(state, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (self.data_dir / _UNFINISHED).unlink(missing_ok=True)
        self.state = state

    def _announce(self, settings: Settings) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            try:
                with urlopen(f"{settings.base_url}/readyz", timeout=2) as response:  # noqa: S310 - our own origin
                    if response.status == 200:
                        break
            except OSError:
                time.sleep(0.05)
        lines = [
            "",
            f"  start here   {settings.base_url}/",
            *(
                f"  {slug:<12} {settings.base_url}/{slug}/   {', '.join(merchant['customers'])}"
                for slug, merchant in self.state["merchants"].items()
            ),
            f"  caught mail  {settings.base_url}/demo/mail",
            f"  sandbox      {settings.sandbox_url}/",
            f"  for scripts  {self.data_dir / 'demo.json'}",
            "",
            "ready",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    def _start(self, command: list[str], env: Mapping[str, str], **options: Any) -> subprocess.Popen[str]:
        # In a session of its own: Ctrl-C signals this process only, which stops the others in order.
        return subprocess.Popen(command, env={**os.environ, **env}, text=True, start_new_session=True, **options)

    def _stop(self) -> None:
        # A second signal must not interrupt this and leave the sandbox running.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for name in ("worker", "sandbox"):
            child = self.children.get(name)
            if child is None or child.poll() is not None:
                continue
            child.terminate()
            try:
                child.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        if self.catcher is not None:
            self.catcher.stop()


# All customers come from one IP address, and scripts sign the same customer in repeatedly.
RAISED_LIMITS = {
    "PORTAL_SIGN_IN_MAILS_PER_ADDRESS_PER_MINUTE": "60",
    "PORTAL_SIGN_IN_MAILS_PER_ADDRESS_PER_HOUR": "1000",
    "PORTAL_SIGN_IN_MAILS_PER_IP_PER_HOUR": "10000",
    "PORTAL_SIGN_IN_FAILURES_PER_IP_PER_HOUR": "1000",
    "PORTAL_PAYMENT_ATTEMPTS_PER_CUSTOMER_PER_HOUR": "1000",
    "PORTAL_PAYMENT_PROMPTS_PER_PHONE_PER_HOUR": "1000",
    "PORTAL_PAGES_PER_IP_PER_MINUTE": "100000",
}
"""Limits that the demo raises; the environment overrides them."""
_OWN_SETTINGS = frozenset(
    {
        "PORTAL_DATABASE_URL",
        "PORTAL_SECRET_KEY",
        "PORTAL_BASE_URL",
        "PORTAL_SMTP_URL",
        "PORTAL_MAIL_FROM",
        "PORTAL_SANDBOX_URL",
        "PORTAL_DEMO",
        "PORTAL_DEMO_MAIL_DIR",
    }
)
"""Settings that the demo sets itself; the environment overrides all others."""


def _listen(port: int) -> Any:
    import socket

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise DemoError(f"port {port} is taken; choose another with --port") from error
    return listener


def _forward_to_stderr(stream: IO[str]) -> None:
    for line in stream:
        sys.stderr.write(line)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
