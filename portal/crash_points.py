"""Named places at which a process may die, so that tests and the simulator can kill it exactly there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

CrashPoint = Callable[[str], None]


def do_nothing(label: str) -> None:
    """Do nothing, as production does at a crash point."""


def kill_at(chosen: str) -> CrashPoint:
    """Return a crash point that ends this process by SIGKILL at the label `chosen`; for tests of real processes."""

    def reached(label: str) -> None:
        if label == chosen:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached
