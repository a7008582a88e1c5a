"""`python -m tests.bench.first_paint`: how long a first visit waits on a slow line until the page can be used, in a throttled browser.

Each visit has a browser context of its own (a cold cache) and the throttle of Chromium's developer tools, which delays every request
by the latency and limits what comes in; names and connections are set up at the machine's own speed. With `--tls` a line before the portal does
it instead, TCP and TLS included (`slow_line.py`): the very first visit. A page counts as usable once its main act is painted with its style, stands within the window, and takes a press.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.bench.servers import free_port, running
from tests.bench.slow_line import HOST, slow_line_to
from tests.support.chromium import ARGUMENTS, ChromiumMissing, find_chromium
from tests.support.live_accounts import Account
from tests.support.live_portal import LivePortal, run_demo

_PAGES = {"overview": "/", "history": "/payments", "invoices": "/invoices"}
_BARE = "/healthz"
# Trusted from the start: an exception for one certificate, made after its error, costs the browser a second connection.
_TRUSTING = ("--ignore-certificate-errors",)
_WATCH = """
window.usableAt = null;
(function look() {
  const act = document.querySelector("main [data-primary], main table a");
  const place = act?.getBoundingClientRect();
  const isPainted = performance.getEntriesByName("first-contentful-paint").length > 0;
  const top = place?.width ? document.elementFromPoint(place.left + place.width / 2, Math.min(place.top + place.height / 2, innerHeight - 1)) : null;
  if (isPainted && top && (act.contains(top) || place.top > innerHeight)) window.usableAt = performance.now();
  else requestAnimationFrame(look);
})();
"""


@dataclass(frozen=True)
class Line:
    """How the browser reaches the portal: where, by which cookie, and how its developer tools slow it down (None: the line does)."""

    origin: str
    cookie: str
    throttle: dict[str, Any] | None


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.first_paint", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--visits", type=int, default=7, help="visits of each page (default 7)")
    parser.add_argument("--megabits", type=float, default=1.0, help="what comes in, in Mbit/s (default 1)")
    parser.add_argument("--latency", type=int, default=300, help="a round trip, in milliseconds (default 300)")
    parser.add_argument(
        "--tls", action="store_true", help="the very first visit: with TCP and TLS, by a slow line before the portal"
    )
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        raise ChromiumMissing("no Chromium: run `make browser`")
    with (
        tempfile.TemporaryDirectory(prefix="portal-bench-") as folder,
        run_demo(Path(folder) / "data") as portal,
        _line_to(portal, Path(folder) / "data", options) as line,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=str(chromium), args=[*ARGUMENTS, *_TRUSTING])
        _report(browser, portal.accounts.find("acme", portal.customers["acme"][0]), line, options)
        browser.close()
    return 0


@contextmanager
def _line_to(portal: LivePortal, data: Path, options: argparse.Namespace) -> Iterator[Line]:
    if not options.tls:
        throttle = {
            "offline": False, "latency": options.latency,
            "downloadThroughput": options.megabits * 125_000, "uploadThroughput": options.megabits * 125_000,
        }  # fmt: skip
        yield Line(portal.origin, "portal_acme", throttle)
        return
    port, near_port = free_port(), free_port()
    origin = f"https://{HOST}:{near_port}"
    environment = json.loads((data / "demo.json").read_text())["env"] | {
        "PORTAL_BASE_URL": origin, "PORTAL_TRUSTED_PROXIES": "1", "PORTAL_LOG_LEVEL": "WARNING",
    }  # fmt: skip
    with (
        running([sys.executable, "-m", "portal", "serve", "--port", str(port)], environment, port),
        slow_line_to(port, near_port, megabits=options.megabits, latency_ms=options.latency),
    ):
        yield Line(origin, "__Host-portal_acme", None)


def _report(browser: Browser, account: Account, line: Line, options: argparse.Namespace) -> None:
    over = ", over TLS" if options.tls else ""
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors ({platform.machine()}), Chromium {browser.version},"
        f" {options.megabits:g} Mbit/s, {options.latency} ms{over}, {options.visits} visits with a cold cache, load average {os.getloadavg()[0]:.1f}"
    )
    print(
        "seconds until the first paint, until the page can be used, and that by a bare answer (median, and both ends)"
    )
    bare = [_visit(browser, account, line, _BARE)[0] for _ in range(options.visits)]
    for name, path in _PAGES.items():
        visits = [_visit(browser, account, line, f"/acme{path}") for _ in range(options.visits)]
        painted, usable = ([visit[which] for visit in visits] for which in (1, 2))
        by_bare = statistics.median(usable) / statistics.median(bare)
        print(f"  {name:10}{_seconds(painted)}{_seconds(usable)}   {by_bare:.1f}")


def _visit(browser: Browser, account: Account, line: Line, path: str) -> tuple[float, float, float]:
    """Visit a page for the first time; milliseconds until it was answered, painted, and could be used (0 where there is nothing to)."""
    context = browser.new_context(viewport={"width": 375, "height": 812})
    _, token = account.sign_in()
    context.add_cookies([{"name": line.cookie, "value": token, "url": line.origin}])
    page = context.new_page()
    page.add_init_script(_WATCH)
    if line.throttle:
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", line.throttle)
    page.goto(line.origin + path, wait_until="load")
    usable = 0.0 if path == _BARE else float(page.wait_for_function("window.usableAt").json_value())
    answered, painted = page.evaluate(
        "[performance.getEntriesByType('navigation')[0].responseEnd, performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0]"
    )
    context.close()
    return answered, painted, usable


def _seconds(found: list[float]) -> str:
    middle, least, most = (measure(found) / 1000 for measure in (statistics.median, min, max))
    return f"{middle:9.2f} ({least:.2f}–{most:.2f})"


if __name__ == "__main__":
    raise SystemExit(main())
