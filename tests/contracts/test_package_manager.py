"""`.ci/apt`, by which a fresh machine is set up: it waits while another package manager is at work, and for nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.chromium import APT

LISTS_LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)"


@pytest.fixture
def machine(tmp_path: Path):
    """Runs `.ci/apt` on a machine whose apt-get fails with each of these lines, and then succeeds; returns how it ended."""

    def run(*failures: str, **settings: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        called = tmp_path / "called"
        lines = "\n".join(f"  {place}) echo '{failure}' >&2; exit 100;;" for place, failure in enumerate(failures, 1))
        program = f'#!/bin/sh\necho "$@" >> {called}\ncase $(wc -l < {called}) in\n{lines}\n  *) exit 0;;\nesac\n'
        (tmp_path / "apt-get").write_text(program)
        (tmp_path / "apt-get").chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "APT_RETRY_SECONDS": "0.01", **settings}
        ended = subprocess.run(
            [str(APT), "install", "-y", "chromium"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return ended, called.read_text().splitlines()

    return run


def test_apt_waits_until_the_other_package_manager_is_done(machine):
    ended, calls = machine(LISTS_LOCKED, LISTS_LOCKED)

    assert ended.returncode == 0
    assert calls == ["-o DPkg::Lock::Timeout=300 install -y chromium"] * 3
    assert ended.stderr == "apt-get: another package manager is at work, waiting for it\n"


def test_apt_does_not_wait_for_a_package_that_is_not_there(machine):
    ended, calls = machine("E: Unable to locate package chromium")

    assert (ended.returncode, len(calls)) == (100, 1)
    assert ended.stderr == "E: Unable to locate package chromium\n"


def test_apt_does_not_wait_for_ever(machine):
    ended, calls = machine(*[LISTS_LOCKED] * 200, APT_WAIT_SECONDS="2", APT_RETRY_SECONDS="0.2")

    assert ended.returncode == 100
    assert 1 < len(calls) < 30
    assert LISTS_LOCKED in ended.stderr
