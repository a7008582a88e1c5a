"""A trial: the working tree is copied, one bug is put into the copy, and the unchanged suite is run on it until a test fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bugs.catalogue.bug import Bug

ROOT = Path(__file__).resolve().parents[2]
GREEN, RED = 0, (1, 2)
"""pytest's exit codes; two is what its workers make of a first failure. An error of the collection has no test in its line."""
MOST_SECONDS = 1200
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::\S.*?)(?: - .*)?$", re.MULTILINE)


class TrialVoid(Exception):
    """A trial that says nothing about its bug: the tests did not run, or not on the copy."""


@dataclass(frozen=True)
class TrialResult:
    """`caught_by` is the first test that failed, None when none did; `whole`: the likely tests had stayed green."""

    bug: str
    caught_by: str | None
    whole: bool
    seconds: float


def try_bug(bug: Bug) -> TrialResult:
    """Put the bug into a fresh copy and run its likely tests, then the whole suite; what fails must pass without the bug.

    Raises TextGone, TrialVoid.
    """
    began = time.monotonic()
    with _fresh_copy() as copy:
        for change in bug.changes:
            change.apply(copy)
        caught_by = first_failure(copy, ["-n0", *bug.likely])
        whole = caught_by is None
        if whole:
            # But for the test of the catalogue itself, which any seeded bug makes fail.
            caught_by = first_failure(copy, ["tests", "--ignore=tests/contracts/test_seeded_bugs.py"])
    if caught_by is not None:
        with _fresh_copy() as copy:
            if first_failure(copy, ["-n0", caught_by]) is not None:
                raise TrialVoid(f"{caught_by} fails without the bug too")
    return TrialResult(bug.name, caught_by, whole, time.monotonic() - began)


@contextmanager
def _fresh_copy() -> Iterator[Path]:
    with TemporaryDirectory(prefix="portal-bug-") as folder:
        copy = Path(folder) / "tree"
        copy_tree(copy)
        yield copy


def copy_tree(to: Path) -> None:
    """Every file that git knows or would add, as it stands in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)


def first_failure(copy: Path, arguments: Sequence[str]) -> str | None:
    """Run tests of the copy until one fails; tells it, None when all pass. Raises TrialVoid when they could not be run."""
    _check_imports(copy)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    ran = subprocess.run(
        command, cwd=copy, env=_environment(copy), capture_output=True, text=True, check=False, timeout=MOST_SECONDS
    )
    if ran.returncode == GREEN:
        return None
    failed = _FAILED.search(ran.stdout)
    if ran.returncode not in RED or failed is None:
        raise TrialVoid(f"pytest ended with {ran.returncode}: {(ran.stdout + ran.stderr)[-400:]}")
    return failed[1]


def _check_imports(copy: Path) -> None:
    """The portal is installed in this environment from the working tree: the copy has to come first."""
    ran = subprocess.run(
        [sys.executable, "-c", "import portal.app, tests; print(portal.__file__, tests.__file__)"],
        cwd=copy, env=_environment(copy), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.stdout.split() != [str(copy / "portal/__init__.py"), str(copy / "tests/__init__.py")]:
        raise TrialVoid(f"not the copy but {ran.stdout} would be tested: {ran.stderr[-1500:]}")


def _environment(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
