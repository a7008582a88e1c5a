"""What a demo that was killed leaves behind: its sandbox, which goes on answering until the next demo takes its place."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_NAME = "sandbox.db.pid"
_END_WITHIN_SECONDS = 10


def note_sandbox(data_dir: Path, pid: int) -> None:
    """Remember this demo's sandbox, for the case that the demo is killed."""
    (data_dir / _NAME).write_text(f"{os.getpid()} {pid}\n")


def end_sandbox_left_behind(data_dir: Path) -> None:
    """End the sandbox of a demo that is no more, so that the port is free again; one whose demo lives is left alone."""
    try:
        demo, pid = map(int, (data_dir / _NAME).read_text().split())
    except (OSError, ValueError):
        return
    if not _is_left_behind(pid, demo, data_dir):
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _END_WITHIN_SECONDS
    while _is_left_behind(pid, demo, data_dir) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_left_behind(pid: int, demo: int, data_dir: Path) -> bool:
    """Whether the process is still our sandbox and no longer the demo's child: a number may be another's by now."""
    try:
        listed = subprocess.run(
            ["ps", "-ww", "-o", "ppid=,args=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
    except FileNotFoundError:
        return False
    parent, _, command = listed.partition(" ")
    return parent != str(demo) and "portal.sandbox_gateway" in command and str(data_dir) in command
