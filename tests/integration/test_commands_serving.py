"""`serve` and `worker` as processes: they report when they are ready, and end cleanly on a signal."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.database import Database
from tests.conftest import SECRET_KEY
from tests.support.databases import KINDS, Run, copy_sqlite, migrated_sqlite_file
from tests.support.tiers import tier

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Iterator[Start]:
    """Starts a command as a process of its own in an empty folder; it is gone when the test ends."""
    with starting(database.url.render_as_string(hide_password=False), tmp_path) as start:
        yield start


@pytest.fixture(params=tier(KINDS[:1], KINDS))
def start_on_one(request: pytest.FixtureRequest, run: Run, tmp_path: Path) -> Iterator[Start]:
    """The same for what no database has a part in: on SQLite, and in `make verify` on both."""
    if request.param == "sqlite":
        url = copy_sqlite(migrated_sqlite_file(run), tmp_path)
    else:
        url = request.getfixturevalue("_worker_postgresql").url.render_as_string(hide_password=False)
    with starting(url, tmp_path) as start:
        yield start


@contextmanager
def starting(url: str, tmp_path: Path) -> Iterator[Start]:
    begun: list[subprocess.Popen[str]] = []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    environment |= {
        "PORTAL_DATABASE_URL": url, "PORTAL_SECRET_KEY": SECRET_KEY,
        "PYTHONUNBUFFERED": "1", "HOME": str(tmp_path),
    }  # fmt: skip

    def run(*arguments: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal", *arguments], cwd=tmp_path, env={**environment, **more, "PYTHONPATH": os.getcwd()},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def get(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return int(answer.status)


def test_server_says_ready_answers_and_ends(start_on_one, tmp_path):
    answers_and_ends(start_on_one, tmp_path)


def test_processes_of_a_server_share_no_connection_and_end_with_it(start, tmp_path):
    answers_and_ends(start, tmp_path, "--workers", "2")


def answers_and_ends(start: Start, tmp_path: Path, *workers: str) -> None:
    port = free_port()

    server = start("serve", "--port", str(port), *workers)
    assert server.stdout is not None
    said = server.stdout.readline()

    assert said == f"ready at http://127.0.0.1:{port}\n"
    assert [get(port, path) for path in ("/healthz", "/readyz", "/healthz")] == [200, 200, 200]
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=20) == 0
    assert list(tmp_path.glob("**/*.ctl")) == list(tmp_path.glob(".gunicorn")) == []


def test_server_that_is_stopped_while_its_processes_start_ends_at_once(start_on_one):
    server = start_on_one("serve", "--port", "0", "--workers", "4")
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    held: list[int] = []

    server.stdout.readline()
    while len(held) < 4 and server.poll() is None:
        # Each is stopped as it appears, before it can listen to a signal.
        for child in set(map(int, children.read_text().split())) - set(held):
            os.kill(child, signal.SIGSTOP)
            held.append(child)
    server.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    for child in held:
        os.kill(child, signal.SIGCONT)

    assert server.wait(timeout=20) == 0


@pytest.mark.parametrize("workers", [(), ("--workers", "1")], ids=["waitress", "gunicorn"])
def test_taken_port_is_one_line(start_on_one, workers):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        server = start_on_one("serve", "--port", str(port), *workers)
        out, err = server.communicate(timeout=30)

    assert (server.returncode, out) == (1, "")
    assert err == f"portal: port {port} is taken; choose another one with --port\n"


def test_worker_ends_on_sigterm(start_on_one):
    worker = start_on_one("worker")
    for line in worker.stderr:
        if "worker.started" in line:
            break

    time.sleep(0.2)
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=20) == 0


@pytest.mark.parametrize("workers", [(), ("--workers", "2")], ids=["waitress", "gunicorn"])
def test_server_reads_themes_anew_on_a_hangup(start_on_one, tmp_path, workers):
    theme = tmp_path / "themes" / "loud" / "theme.toml"
    theme.parent.mkdir(parents=True)
    theme.write_text('name = "Loud"\n[tokens]\ncolor_primary = "#b00060"\n')
    port = free_port()
    server = start_on_one("serve", "--port", str(port), *workers, PORTAL_THEMES_DIR=str(tmp_path / "themes"))
    assert "ready" in server.stdout.readline()
    before = _static_root(port)

    theme.write_text('name = "Loud"\n[tokens]\ncolor_primary = "#00607f"\n')
    server.send_signal(signal.SIGHUP)

    until = time.monotonic() + 20
    while _static_root(port) == before and time.monotonic() < until:
        time.sleep(0.1)
    assert len({_static_root(port) for _ in range(20)} - {before}) == 1
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=20) == 0


def _static_root(port: int) -> str:
    """The versioned address of the static files, as a page of no merchant has it; it changes with any theme."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing/nothing", timeout=5)
    except urllib.error.HTTPError as answer:
        with answer:
            found = re.search(r"/static/[a-p]{8}", answer.read().decode())
            assert found is not None
            return found[0]
    raise AssertionError("a page of no merchant is not found")


def test_gallery_of_a_theme_is_served_on_this_machine_until_it_is_stopped(tmp_path: Path):
    with starting("sqlite://", tmp_path) as start:
        preview = start("theme", "preview", "savane", "--port", "0")
        assert preview.stdout is not None
        port = int(re.fullmatch(r"ready at http://127\.0\.0\.1:(\d+)\n", preview.stdout.readline())[1])  # type: ignore[index]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/?entry=overview", timeout=20) as answer:
            page = answer.read().decode()
        assert "<h1>savane</h1>" in page

        preview.send_signal(signal.SIGTERM)
        assert preview.wait(timeout=20) == 0
        none = start("theme", "preview", "none")
        assert none.wait(timeout=20) == 2
