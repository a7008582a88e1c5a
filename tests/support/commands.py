"""Runs a `portal` command within the test's own process, as the console script would."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from portal.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one line of JSON on standard output."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class Commands:
    """`run("db", "check")`. No fault that is expected may show a traceback: those leave `run` as an exception."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def run(self, *arguments: str) -> Ran:
        self._capture.readouterr()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            with pytest.raises(SystemExit) as ended:
                main(arguments)
        finally:
            # Servers and workers send all logs to a standard error that is this test's alone.
            root.handlers[:], root.level = handlers, level
        printed = self._capture.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)
