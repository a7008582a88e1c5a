"""What ends a child with its parent, however the parent ended: a pipe that nobody holds open any more."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from multiprocessing.connection import Connection


def end_with(parent: Connection) -> None:
    """End this process when the other end of the pipe is closed, which the death of its holder does too."""

    def wait() -> None:
        try:
            parent.recv()
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _run_module(name: str, arguments: list[str]) -> None:
    """Run a module as a command would, for as long as somebody holds our standard input open."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run_module(sys.argv[1], sys.argv[2:])
