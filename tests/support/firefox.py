"""A Firefox for the long tests, as Debian and others ship it: driven by Marionette, since the driver of the other browser tests needs a
Firefox of its own making (`python -m tests.support.firefox` installs one)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from marionette_driver.marionette import Marionette

NAMES = ("firefox-esr", "firefox")
APT = Path(__file__).resolve().parents[2] / ".ci/apt"
_LIGHT, _DARK = 1, 0


class FirefoxMissing(Exception):
    """There is no Firefox to test with; the text says what to do."""


class Firefox:
    """One window. `dark` and `languages` are what the reader has chosen in it."""

    def __init__(self, driver: Marionette) -> None:
        self._driver = driver

    @property
    def address(self) -> str:
        return str(self._driver.get_url())

    def open(self, address: str) -> None:
        from marionette_driver.errors import TimeoutException

        with suppress(TimeoutException):  # A page that posts itself, and stays, is not loaded as the driver sees it.
            self._driver.navigate(address)

    def evaluate(self, script: str) -> Any:
        """The value of a function without arguments, `() => …`, or of an expression."""
        return self._driver.execute_script(
            f"const found = ({script}); return typeof found === 'function' ? found() : found;"
        )

    def resize(self, width: int, height: int = 800) -> None:
        """Give the page so many pixels. A window cannot be as narrow as a telephone: the page in it can."""
        with self._driver.using_context("chrome"):
            self._driver.execute_script(
                "const browser = gBrowser.selectedBrowser; browser.style.minWidth = browser.style.maxWidth = arguments[0] + 'px';"
                "browser.style.minHeight = browser.style.maxHeight = arguments[1] + 'px';",
                [width, height],
            )
        wait_for(lambda: self.evaluate("innerWidth") == width, sentence=f"no page of {width} px in time")

    def fill(self, selector: str, text: str) -> None:
        field = self._find(selector)
        field.clear()
        field.send_keys(text)

    def press(self, selector: str) -> None:
        """Press with the pointer, as a person does: after the moment in which a payment's button takes no press."""
        self._find(selector).click()

    def await_address(self, ends: Callable[[str], bool]) -> str:
        return wait_for(lambda: found if ends(found := self.address) else None, sentence="no such page in time")

    def picture(self, path: Path) -> None:
        from base64 import b64decode

        path.write_bytes(b64decode(self._driver.screenshot(full=True)))

    def _find(self, selector: str) -> Any:
        from marionette_driver.by import By

        return self._driver.find_element(By.CSS_SELECTOR, selector)


@contextmanager
def run_firefox(*, dark: bool = False, languages: str = "en-US") -> Iterator[Firefox]:
    with catch_warnings():
        simplefilter("ignore", DeprecationWarning)  # Of what it uses itself.
        from marionette_driver.marionette import Marionette

    found = find_firefox()
    if found is None:
        raise FirefoxMissing("no Firefox: run `make firefox`")
    logs = TemporaryDirectory(prefix="portal-firefox-")
    driver = Marionette(
        bin=str(found),
        headless=True,
        port=_free_port(),  # Several may run at a time.
        # A folder, never os.devnull: Marionette removes a file that it is given before it writes there, as root /dev/null too.
        gecko_log=logs.name,
        prefs={
            "layout.css.prefers-color-scheme.content-override": _DARK if dark else _LIGHT,
            "intl.accept_languages": languages,
            "ui.prefersReducedMotion": 1,
        },
    )
    driver.start_session()
    try:
        driver.set_window_rect(width=2000, height=1200)
        driver.timeout.implicit = driver.timeout.page_load = 5
        yield Firefox(driver)
    finally:
        driver.quit(in_app=False)
        driver.cleanup()
        logs.cleanup()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def find_firefox() -> Path | None:
    return next((Path(path) for name in NAMES if (path := shutil.which(name))), None)


def install_firefox() -> Path:
    """Install Debian's package where we may. Raises FirefoxMissing."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = [str(APT), "install", "-y", "-q", "--no-install-recommends", NAMES[0]]
        for command in (install, [str(APT), "update", "-q"], install):
            if not find_firefox():
                subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    found = find_firefox()
    if found is None:
        raise FirefoxMissing("no Firefox was found and none could be installed: install `firefox` or `firefox-esr`")
    return found


if __name__ == "__main__":
    try:
        print(f"make verify: the tests of Firefox use {find_firefox() or install_firefox()}", file=sys.stderr)
    except FirefoxMissing as fault:
        sys.exit(f"make verify: {fault}")
