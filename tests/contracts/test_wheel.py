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
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from urllib.error import URLError

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Installation:
    """The wheel, installed; commands run in `folder`, far from the checkout."""

    folder: Path
    bin: Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> str:
        result = subprocess.run(
            [str(self.bin / "portal"), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, f"portal {' '.join(arguments)}: {result.stderr}"
        return result.stdout


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


def test_command_that_imports_little_knows_every_table_that_its_own_name(installation, tmp_path):
    """Each is a process of its own: a table that only a foreign key names would be missing at the first insert."""
    installation.run("db", "upgrade")
    installation.run("merchant", "create", "till", "--name", "Till", "--currency", "USD")
    files = {
        "customers": "reference\nP1\n",
        "payments": "customer,amount,reference,created_at\nP1,49.00,pp-1,2025-11-01\n",
    }

    for kind, text in files.items():
        path = tmp_path / f"{kind}.csv"
        path.write_text(text)
        assert json.loads(installation.run("import", kind, str(path), "--merchant", "till"))["created"] == 1


def test_page_and_what_it_loads_are_served(served):
    html = _fetch(f"{served}/acme/sign-in")

    addresses = re.findall(r'(?:href|src)="(/[^"#]*\.(?:css|js|svg)[^"#]*)"', html)
    assert any(address.endswith(".css") for address in addresses), html
    for address in addresses:
        assert _fetch(served + address)


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
