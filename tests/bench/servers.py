"""The servers that are measured, floor and portal alike: gunicorn with threads; and what they use of processor and memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREADS = 4
PORTAL = "portal.app:create_app()"
FLOOR = "tests.bench.floor:app"
_START_SECONDS = 60


class ServerFailed(Exception):
    """A server did not come up; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its port, and the process that the others are children of."""

    port: int
    pid: int

    def workers(self) -> list[int]:
        """The processes that answer; the parent alone where it answers itself."""
        return children_of(self.pid) or [self.pid]

    def processor_seconds(self) -> float:
        """What all its processes have used of the processor since they started."""
        return sum(map(processor_seconds, [self.pid, *children_of(self.pid)]))


@contextmanager
def gunicorn(application: str, environment: Mapping[str, str], workers: int) -> Iterator[Server]:
    """The application behind gunicorn, with the same workers, threads and options whichever it is."""
    port = free_port()
    options = {
        "-k": "gthread",
        "--threads": THREADS,
        "-w": workers,
        "--bind": f"127.0.0.1:{port}",
        "--log-level": "warning",
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "--no-control-socket",
        *(str(part) for pair in options.items() for part in pair),
        application,
    ]
    with running(command, environment, port) as server:
        while len(children_of(server.pid)) < workers:
            time.sleep(0.01)
        yield server


@contextmanager
def running(command: list[str], environment: Mapping[str, str], port: int) -> Iterator[Server]:
    """A process of ours until the end of the block; yields when its port takes connections. Raises ServerFailed."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _takes_connections(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    raise ServerFailed(output.read().decode(errors="replace").strip()[-2000:])
                time.sleep(0.002)
            yield Server(port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def children_of(pid: int) -> list[int]:
    """The processes that this one started and that live."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def processor_seconds(pid: int) -> float:
    """User and system time of a process; by the scheduler's own count in nanoseconds where the kernel tells it."""
    try:
        return (
            sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
        )
    except (OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional_bytes(pids: Iterable[int]) -> list[int]:
    """The PSS of each process: its own memory, and its share of what it has in common with others."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return [int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")]


def _takes_connections(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
