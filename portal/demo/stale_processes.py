"""The sandbox of a demo that was killed: it keeps running until the next demo stops it and takes its port."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_PID_FILE = "sandbox.db.pid"
_STOP_TIMEOUT_SECONDS = 10


def record_sandbox_process(data_dir: Path, pid: int) -> None:
    """Store the process id of this demo's sandbox, in case the demo is killed."""
    (data_dir / _PID_FILE).write_text(f"{os.getpid()} {pid}\n")


def stop_stale_sandbox(data_dir: Path) -> None:
    """Stop the sandbox of a demo that no longer runs, so that its port is free; that of a running demo is not touched."""
    try:
        demo, pid = map(int, (data_dir / _PID_FILE).read_text().split())
    except (OSError, ValueError):
        return
    if not _is_stale(pid, demo, data_dir):
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    while _is_stale(pid, demo, data_dir) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_stale(pid: int, demo: int, data_dir: Path) -> bool:
    """Whether the process is still our sandbox, and no longer the demo's child. Its id may have been reused since."""
    try:
        process = subprocess.run(
            ["ps", "-ww", "-o", "ppid=,args=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
    except FileNotFoundError:
        return False
    parent, _, command = process.partition(" ")
    return parent != str(demo) and "portal.sandbox_gateway" in command and str(data_dir) in command
