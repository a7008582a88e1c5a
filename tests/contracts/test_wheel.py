"""The wheel runs by itself: in an environment that has what it declares and nothing else, away from the checkout."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from packaging.requirements import Requirement

from tests.support.command_forks import CommandForks
from tests.support.tiers import IS_LONG, tier

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Installation:
    """The wheel, installed; commands run in `folder`, far from the checkout.

    Each is a process that has imported nothing of the portal. With `forks` it is a fork of one that has imported what others
    wrote; without, as in `make verify`, it is started anew.
    """

    folder: Path
    bin: Path
    environment: dict[str, str]
    forks: CommandForks | None = None

    def run(self, *arguments: str) -> str:
        result = self._run(arguments)
        assert result.returncode == 0, f"portal {' '.join(arguments)}: {result.stderr}"
        return result.stdout

    def fail(self, *arguments: str) -> str:
        """The one line with which a command refuses."""
        result = self._run(arguments)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1), result.stderr
        return result.stderr

    def with_database(self, name: str) -> Installation:
        """The same on another database, which is empty until a command upgrades it."""
        return replace(
            self, environment={**self.environment, "PORTAL_DATABASE_URL": f"sqlite:///{self.folder}/{name}.db"}
        )

    def _run(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        if self.forks:
            return self.forks.run(*arguments, folder=self.folder, environment=self.environment)
        return subprocess.run(
            [str(self.bin / "portal"), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("wheel")
    _call(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True, with_pip=False)
    python = folder / "venv" / "bin" / "python"
    _call(
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        str(wheel),
    )
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    _link_dependencies(packages)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PORTAL_SECRET_KEY": "a secret for tests alone of more than thirty-two characters",
        "PORTAL_DATABASE_URL": f"sqlite:///{folder}/portal.db",
    }
    return Installation(folder, python.parent, environment)


@pytest.fixture(scope="module")
def forked(installation: Installation) -> Iterator[Installation]:
    """The same, its processes started quickly."""
    if IS_LONG:
        yield installation
        return
    with CommandForks(installation.bin / "python", installation.folder) as forks:
        yield replace(installation, forks=forks)


@pytest.fixture(scope="module")
def served(installation: Installation) -> Iterator[str]:
    """The address of `portal serve` with one merchant, `acme`."""
    installation.run("db", "upgrade")
    installation.run("merchant", "create", "acme", "--name", "Acme", "--currency", "USD")
    port = _free_port()
    server = subprocess.Popen(
        [str(installation.bin / "portal"), "serve", "--port", str(port)],
        cwd=installation.folder,
        env=installation.environment | {"PORTAL_BASE_URL": f"http://127.0.0.1:{port}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _await_answer(f"http://127.0.0.1:{port}/healthz", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)


def test_command_says_what_it_can_do(installation):
    text = installation.run("--help")

    for command in ("demo", "serve", "worker", "db", "merchant", "import", "doctor"):
        assert re.search(rf"^  {command}\b", text, re.MULTILINE), text


def test_merchant_is_printed_as_json(installation):
    installation.run("db", "upgrade")

    merchant = json.loads(installation.run("merchant", "create", "shop", "--name", "Shop", "--currency", "XAF"))

    assert merchant["slug"] == "shop"


def test_command_that_imports_little_knows_every_table_that_its_own_name(forked, tmp_path):
    """Each is a process of its own: a table that only a foreign key names would be missing at the first insert."""
    forked.run("db", "upgrade")
    forked.run("merchant", "create", "till", "--name", "Till", "--currency", "USD")
    files = {
        "customers": "reference\nP1\n",
        "payments": "customer,amount,reference,created_at\nP1,49.00,pp-1,2025-11-01\n",
    }

    for kind, text in files.items():
        path = tmp_path / f"{kind}.csv"
        path.write_text(text)
        assert json.loads(forked.run("import", kind, str(path), "--merchant", "till"))["created"] == 1


def test_page_and_what_it_loads_are_served(served):
    html = _fetch(f"{served}/acme/sign-in")

    addresses = re.findall(r'(?:href|src)="(/[^"#]*\.(?:css|js|svg)[^"#]*)"', html)
    assert any(address.endswith(".css") for address in addresses), html
    for address in addresses:
        assert _fetch(served + address)


_HELP = """
import sys, click
from portal.cli import cli
def walk(command, path):
    if command.main([*path, "--help"] if command is cli else ["--help"], prog_name=" ".join(["portal", *path]), standalone_mode=False):
        sys.exit(1)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            walk(command.get_command(context, name), [*path, name])
walk(cli, [])
"""


def test_every_command_has_its_help(installation):
    """In one process; `make verify` starts one for each."""
    python = str(installation.bin / "python")
    ran = subprocess.run(
        [python, "-c", _HELP], cwd=installation.folder, capture_output=True, text=True, timeout=120, check=False
    )

    assert ran.returncode == 0, ran.stderr
    helped = re.findall(r"^Usage: portal ?(.*?) \[OPTIONS\]", ran.stdout, re.MULTILINE)
    assert {"", "customer list", "invoice void", "import payments", "theme check", "doctor"} <= set(helped)
    for path in tier([], helped):
        assert installation.run(*path.split(), "--help").startswith(f"Usage: portal {path}".rstrip())


def test_every_command_does_its_work_in_a_process_of_its_own(forked):
    """On a database that was empty before, each in a process that has imported nothing but what it needs."""
    shop = forked.with_database("fresh")
    files = {
        "customers": "reference,name,email\nB-1,Noah Berg,noah@berg.example\n",
        "invoices": "number,customer,customer_email,issued_on,currency,description,unit_amount\nF-1,B-1,noah@berg.example,2026-01-05,USD,Plan,49.00\n",
        "payments": "reference,customer,amount,currency,status,created_at\nP-1,B-1,49.00,USD,complete,2026-01-06T10:00:00Z\n",
    }  # fmt: skip
    for kind, text in files.items():
        (forked.folder / f"{kind}.csv").write_text(text)

    def run(*words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in shop.run(*words).splitlines()]

    def of_acme(*words: str) -> list[dict[str, Any]]:
        return run(*words, "--merchant", "acme")

    assert "upgraded from nothing" in shop.run("db", "upgrade")
    assert "is current" in shop.run("db", "check")
    run("merchant", "create", "acme", "--name", "Acme", "--currency", "USD")
    assert [row["name"] for row in run("merchant", "update", "acme", "--name", "Acme Inc.")] == ["Acme Inc."]
    assert run("merchant", "list") == run("merchant", "show", "acme")
    settings = forked.folder / "settings.toml"
    settings.write_text(shop.run("merchant", "settings", "acme").replace('mode = "fixed"', 'mode = "editable"'))
    assert shop.run("merchant", "settings", "acme", "--check", str(settings)) == ""
    assert shop.run("merchant", "settings", "acme", "--apply", str(settings)) == settings.read_text()
    assert shop.run("api-key", "create", "--merchant", "acme").startswith("sk_test_")
    (key,) = run("api-key", "list")
    assert "is revoked" in shop.run("api-key", "revoke", key["id"])
    for kind in files:
        (counts,) = of_acme("import", kind, f"{kind}.csv")
        assert counts["created"] == 1, kind
    (lena,) = of_acme("customer", "create", "--email", "lena@berg.example")
    assert of_acme("customer", "update", "lena@berg.example", "--reference", "B-2")[0]["reference"] == "B-2"
    assert of_acme("customer", "block", "B-2")[0]["blocked"]
    assert not of_acme("customer", "unblock", "B-2")[0]["blocked"]
    assert of_acme("customer", "show", "B-2")[0]["id"] == lena["id"]
    assert of_acme("invoice", "create", "--customer", "B-2", "--line", "Plan=12.00")[0]["total"] == 1200
    assert of_acme("invoice", "void", "ACME-0001")[0]["status"] == "void"
    assert of_acme("invoice", "show", "F-1")[0]["total"] == 4900
    (forked.folder / "own.pdf").write_bytes(b"%PDF-1.7\nstartxref\n9\n%%EOF\n")
    assert of_acme("invoice", "attach", "F-1", "own.pdf")[0]["number"] == "F-1"
    assert len(of_acme("invoice", "list")) == 2
    (payment,) = of_acme("payment", "list", "--customer", "B-1")
    assert of_acme("payment", "show", payment["id"]) == [payment]
    assert of_acme("customer", "delete", "B-2")[0]["deleted"]
    assert [row["reference"] for row in of_acme("customer", "list")] == ["B-1"]
    assert "/acme/sign-in/session/" in shop.run("session", "create", "--merchant", "acme", "--customer", "B-1")
    assert shop.fail("refund", payment["id"], "--merchant", "acme").startswith("portal: ")
    assert shop.run("gateway", "list") is not None
    assert "base" in shop.run("theme", "list")
    shop.run("theme", "check")
    # The mail of the invoice that was created, which is void by now: looked at, and not sent.
    assert "1 done, 0 retried, 0 dead" in shop.run("worker", "--once")
    assert "fault" not in shop.run("doctor", "--ledger")


_DRAW = """
from datetime import UTC, date, datetime
from portal.documents.papers import *
from portal.documents.typesetting import Typesetter
from portal.documents.wording.credit_notes import credit_note_paper
from portal.documents.wording.words import words_of
facts = CreditNoteFacts("CN-1", "USD", date(2026, 1, 1), "Cancelled", 100)
paper = credit_note_paper(words_of("fr"), Seller("Acme"), Buyer("Maya"), facts)
drawn = Typesetter().draw(StoredPaper(LAYOUT, paper.content(), PaperBrand("Acme"), datetime(2026, 1, 1, tzinfo=UTC), "digest"))
print(drawn[:5], b"pdfuaid" in drawn, b"NotoSans-Bold" in drawn)
"""


def test_wheel_brings_the_layouts_and_fonts_of_papers(installation):
    python = str(installation.bin / "python")
    ran = subprocess.run(
        [python, "-c", _DRAW], cwd=installation.folder, capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.stdout, ran.stderr) == ("b'%PDF-' True True\n", "")


def test_reader_that_has_read_enough_is_no_traceback(installation):
    shop = installation.with_database("fresh")
    listing = subprocess.Popen(
        [str(shop.bin / "portal"), "api-key", "create", "--help"],
        cwd=shop.folder, env=shop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert listing.stdout is not None
    listing.stdout.close()

    assert listing.wait(timeout=60) == 1
    assert listing.stderr is not None
    assert listing.stderr.read() == ""
    listing.stderr.close()


def _link_dependencies(packages: Path) -> None:
    """Lay what the wheel declares, and what that declares, beside it: as installed here, so that nothing is downloaded."""
    wanted = [Requirement(text) for text in _installed_in(packages).requires or []]
    seen: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = distribution(requirement.name)
        if found.name in seen:
            continue
        seen.add(found.name)
        for entry in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
            target = packages / entry
            if not target.exists():
                target.symlink_to(Path(str(found.locate_file(entry))))
        wanted += _of_extras(found, requirement.extras)


def _of_extras(found: Distribution, extras: set[str]) -> list[Requirement]:
    requirements = [Requirement(text) for text in found.requires or []]
    contexts = [{"extra": extra} for extra in ("", *extras)]
    chosen = [
        each for each in requirements if not each.marker or any(each.marker.evaluate(context) for context in contexts)
    ]
    for each in chosen:
        each.marker = None
    return chosen


def _installed_in(packages: Path) -> Distribution:
    (metadata,) = packages.glob("customer_portal-*.dist-info")
    return Distribution.at(metadata)


def _call(*command: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, f"{' '.join(command)}: {result.stdout}{result.stderr}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            _fetch(url)
        except (URLError, ConnectionError):
            assert server.poll() is None, "portal serve ended"
            assert time.monotonic() < deadline, "portal serve did not answer"
            time.sleep(0.1)
        else:
            return


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body.decode()
