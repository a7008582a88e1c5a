"""Which Chromium the browser tests drive: one that is there, or one that is installed for them (`python -m tests.support.chromium`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Debian's shell is Chromium without windows: it spares up to a fifth of the browser tests' time (measured). Older ones have none.
PACKAGES = ("chromium-headless-shell", "chromium")
NAMES = (*PACKAGES, "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APT = Path(__file__).resolve().parents[2] / ".ci/apt"
"""apt-get that waits while another package manager is at work."""
SETTING = "PORTAL_TEST_CHROMIUM"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    # Nothing but this machine is to be found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
)


class ChromiumMissing(Exception):
    """There is no browser to test with; the text says what to do."""


def find_chromium() -> Path | None:
    """The browser that PORTAL_TEST_CHROMIUM names, else one of this machine, else the one Playwright has downloaded."""
    if named := os.environ.get(SETTING):
        return Path(named)
    for name in NAMES:
        path = shutil.which(name)
        if path and _runs(path):
            return Path(path)
    downloads = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or _playwright_cache())
    patterns = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
    found = sorted(path for pattern in patterns for path in downloads.glob(pattern))
    return found[-1] if found else None


def install_chromium() -> Path:
    """Install Debian's package where we may, else let Playwright download one. Raises ChromiumMissing."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        installing = [str(APT), "install", "-y", "-q", "--no-install-recommends", "fonts-noto-core"]
        if not _succeeds([*installing, PACKAGES[0]]) and _succeeds([str(APT), "update", "-q"]):
            any(_succeeds([*installing, package]) for package in PACKAGES)
    if not find_chromium():
        dependencies = ["--with-deps"] if os.geteuid() == 0 and shutil.which("apt-get") else []
        _succeeds([sys.executable, "-m", "playwright", "install", *dependencies, "chromium"])
    found = find_chromium()
    if found is None:
        raise ChromiumMissing(
            f"no Chromium was found and none could be installed: install `chromium`, or name one in {SETTING}"
        )
    return found


def _playwright_cache() -> Path:
    return Path.home() / ("Library/Caches/ms-playwright" if sys.platform == "darwin" else ".cache/ms-playwright")


def _runs(path: str) -> bool:
    """Ubuntu's `chromium-browser` may be a stub that only says to use snap."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and any(name in answer.stdout for name in ("Chromium", "Chrome"))


def _succeeds(command: list[str]) -> bool:
    print(f"make test: no Chromium yet, trying {' '.join(command)}", file=sys.stderr, flush=True)
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def main() -> None:
    browser = find_chromium()
    if browser is not None and not browser.exists():
        sys.exit(f"make test: {SETTING} names {browser}, which is not there")
    try:
        print(f"make test: the browser tests use {browser or install_chromium()}", file=sys.stderr)
    except ChromiumMissing as fault:
        print(f"make test: {fault}", file=sys.stderr)
        if os.environ.get("CI") == "true":
            sys.exit(1)


if __name__ == "__main__":
    main()
