"""`python -m tests.bench`: pages of the portal beside a bare page, on SQLite and PostgreSQL, small and large. Prints, decides nothing."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from portal.app import create_app
from portal.database import Database
from portal.settings import Settings
from tests.bench.load import Target, fetch
from tests.bench.measuring import Case, Sample, measure
from tests.bench.narrowed import narrowed_queries
from tests.bench.report import Figures, print_figures, print_memory, print_narrowed, print_start, print_weights
from tests.bench.seeding import FEW, MANY, SLUG, Signed, bench_settings, seed, session_cookie
from tests.bench.servers import FLOOR, PORTAL, ROOT, Server, free_port, gunicorn, proportional_bytes, running
from tests.bench.weights import Weight, weigh
from tests.support.databases import Run, empty_postgresql
from tests.support.postgresql import PostgresqlMissing, find_binaries, stop_server

SMALL, LARGE = 10_000, 1_000_000
PAGE = 25
DEEP = 200
"""The page that is compared with the first."""


@dataclass(frozen=True, slots=True)
class Site:
    """The floor and the portal at work on one database system and one number of rows."""

    size: int
    floor: Server
    portal: Server
    customers: Mapping[int, Signed]
    floor_pids: Callable[[], list[int]]
    portal_pids: Callable[[], list[int]]


def main() -> int:
    options = _options()
    sizes = [SMALL] if options.quick else [SMALL, LARGE]
    requests, rounds = options.requests or (120 if options.quick else 250), options.rounds
    started = time.monotonic()
    _say(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()},"
        f" gunicorn gthread, {options.workers} worker with 4 threads each for floor and portal alike"
    )
    _say(
        f"{rounds} rounds of {requests} requests a page, {options.connections} connections, load average {os.getloadavg()[0]:.1f}"
    )
    folder = Path(tempfile.mkdtemp(prefix="portal-bench-"))
    try:
        for kind in options.database or ("sqlite", "postgresql"):
            if kind == "postgresql" and find_binaries() is None and not os.environ.get("PORTAL_TEST_DATABASE_URL"):
                raise PostgresqlMissing("no PostgreSQL: install `postgresql`, or set PORTAL_TEST_DATABASE_URL")
            with ExitStack() as stack:
                sites = [stack.enter_context(_site(kind, size, folder, options.workers)) for size in sizes]
                cases = [case for site in sites for case in _cases(site)]
                samples = measure(
                    cases,
                    rounds=rounds,
                    requests=requests,
                    connections=options.connections,
                    report=_progress(kind, rounds),
                )
                figures = Figures(kind, samples, sizes, _has_database_time(samples))
                print_figures(figures)
                print_narrowed(figures, f"history {MANY}", narrowed_queries())
                print_memory(
                    {
                        name: proportional_bytes(server.workers())
                        for name, server in (("floor", sites[0].floor), ("portal", sites[0].portal))
                    }
                )
        print_weights(*_weights(folder))
        print_start(_starts(folder, 3 if options.quick else 5))
    finally:
        stop_server(folder / "shared")
        shutil.rmtree(folder, ignore_errors=True)
    _say(f"took {time.monotonic() - started:.0f} s, load average {os.getloadavg()[0]:.1f}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure speed, as ratios to a bare page in the same run."
    )
    parser.add_argument("--quick", action="store_true", help="10,000 rows only, fewer requests: about a minute")
    parser.add_argument(
        "--database", action="append", choices=("sqlite", "postgresql"), help="only this one (may be repeated)"
    )
    parser.add_argument("--rounds", type=int, default=8, help="pairs of each ratio (default 8)")
    parser.add_argument("--requests", type=int, help="requests of a page a round")
    parser.add_argument(
        "--workers",
        type=int,
        default=max(1, (os.cpu_count() or 2) - 1),
        help="processes of each server (default: one processor is the client's)",
    )
    options = parser.parse_args()
    options.connections = 2 * options.workers
    return options


@contextmanager
def _site(kind: str, size: int, folder: Path, workers: int) -> Iterator[Site]:
    """Seed both databases and start both servers."""
    with ExitStack() as stack:
        urls = {name: stack.enter_context(_database(kind, f"{name}-{size}", folder)) for name in ("floor", "portal")}
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "tests.bench.floor", "seed", str(size)], cwd=ROOT, check=True,
            env={**os.environ, "DATABASE_URL": urls["floor"]},
        )  # fmt: skip
        settings = bench_settings(urls["portal"])
        database = Database(urls["portal"])
        customers = seed(database, Settings.load(settings), size)
        database.dispose()
        _say(f"{kind}: {size:,} payments of others written in {time.monotonic() - started:.0f} s")
        floor = stack.enter_context(gunicorn(FLOOR, {"DATABASE_URL": urls["floor"]}, workers))
        portal = stack.enter_context(gunicorn(PORTAL, settings, workers))
        yield Site(size, floor, portal, customers, _backends(urls["floor"]), _backends(urls["portal"]))


@contextmanager
def _database(kind: str, name: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    with empty_postgresql(Run(folder / "shared", os.getpid(), "bench")) as url:
        yield url


def _cases(site: Site) -> Iterator[Case]:
    """The floor and the portal's pages for both customers, the first page and the 200th."""
    key = _key_of_page(site.floor.port)
    for whose, number in ((FEW, 1), (MANY, 2)):
        _, cookie = _signed_at_floor(site.floor.port, number)
        yield _floor(site, f"q25 {whose}", f"/q25?c={number}")
        yield _floor(site, f"lean {whose}", "/lean", cookie)
        yield _portal(site, f"history {whose}", "/payments", whose)
    _, cookie = _signed_at_floor(site.floor.port, 2)
    yield _floor(site, f"q25 {MANY} deep", f"/q25?c=2&before={key}")
    yield _floor(site, f"lean {MANY} deep", f"/lean?before={key}", cookie)
    yield _portal(site, f"history {MANY} deep", _deep_page(site), MANY)
    for name, query in narrowed_queries().items():
        yield _portal(site, f"history {MANY} {name}", f"/payments?{query}", MANY)
    yield _portal(site, f"invoices {MANY}", "/invoices", MANY)
    yield _portal(site, f"overview {MANY}", "/", MANY)


def _floor(site: Site, name: str, path: str, cookie: str = "") -> Case:
    return Case(f"{site.size} {name}", site.floor, Target(site.floor.port, path, cookie), site.floor_pids)


def _portal(site: Site, name: str, path: str, whose: int) -> Case:
    target = Target(site.portal.port, f"/{SLUG}{path}", session_cookie(site.customers[whose]))
    return Case(f"{site.size} {name}", site.portal, target, site.portal_pids)


def _signed_at_floor(port: int, number: int) -> tuple[int, str]:
    headers, _ = fetch(Target(port, f"/sign-in/{number}"))
    return number, headers["set-cookie"].partition(";")[0]


def _key_of_page(port: int) -> str:
    """The `before=` of the floor's 200th page, by following its links as a reader would."""
    _, cookie = _signed_at_floor(port, 2)
    path = "/lean"
    for _ in range(DEEP - 1):
        _, body = fetch(Target(port, path, cookie))
        path = "/lean" + _between(body.decode(), 'href="', '">Older', last=True)
    return path.partition("before=")[2]


def _deep_page(site: Site) -> str:
    """The address of the portal's 200th page, by following its links."""
    path = "/payments"
    cookie = session_cookie(site.customers[MANY])
    for _ in range(DEEP - 1):
        _, body = fetch(Target(site.portal.port, f"/{SLUG}{path}", cookie))
        path = "/payments" + _between(body.decode(), 'href="', '" rel="next"', last=True).replace("&amp;", "&")
    return path


def _between(text: str, start: str, end: str, *, last: bool = False) -> str:
    head, found, _ = text.rpartition(end) if last else text.partition(end)
    assert found, f"the page has no {end!r}"
    return head.rpartition(start)[2]


def _backends(url: str) -> Callable[[], list[int]]:
    """Tells the PostgreSQL processes that work on this database; none for SQLite, or for a server on another machine."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return list
    engine = sa.create_engine(parsed.set(database="postgres"), isolation_level="AUTOCOMMIT")
    question = sa.text("select pid from pg_stat_activity where datname = :name and backend_type = 'client backend'")

    def pids() -> list[int]:
        with engine.connect() as connection:
            found = [int(pid) for pid in connection.execute(question, {"name": parsed.database}).scalars()]
        return [pid for pid in found if _is_postgres(pid)]

    return pids


def _is_postgres(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().startswith("postgres")
    return False


def _has_database_time(samples: Mapping[str, Iterable[Sample]]) -> bool:
    return any(sample.database_seconds for found in samples.values() for sample in found)


def _weights(folder: Path) -> tuple[dict[str, Weight], dict[str, Weight]]:
    """What pages weigh: those of the customer with many payments, and the first page that a visitor sees."""
    url = f"sqlite:///{folder / 'weights'}.db"
    settings = Settings.load(bench_settings(url))
    database = Database(url)
    customers = seed(database, settings, 1000)
    database.dispose()
    app = create_app(settings)
    database = app.extensions["portal_runtime"].services.database
    cookie = session_cookie(customers[MANY])
    try:
        pages = {
            name: weigh(app, database, f"/{SLUG}{path}", cookie)
            for name, path in (("history", "/payments"), ("invoices", "/invoices"), ("overview", "/"))
        }
        return pages, {"sign-in": weigh(app, database, f"/{SLUG}/sign-in", "")}
    finally:
        database.dispose()


def _starts(folder: Path, times: int) -> list[float]:
    """Seconds from starting `portal serve --workers 2` to the first signed-in page, on a database that is there."""
    url = f"sqlite:///{folder / 'start'}.db"
    settings = bench_settings(url)
    database = Database(url)
    customers = seed(database, Settings.load(settings), 1000)
    database.dispose()
    found = []
    for _ in range(times):
        port = free_port()
        started = time.monotonic()
        command = [sys.executable, "-m", "portal", "serve", "--port", str(port), "--workers", "2"]
        with running(command, {**settings, "PORTAL_BASE_URL": f"http://127.0.0.1:{port}"}, port):
            fetch(Target(port, f"/{SLUG}/payments", session_cookie(customers[MANY])))
            found.append(time.monotonic() - started)
    return found


def _progress(kind: str, rounds: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        print(f"\r{kind}: round {done} of {rounds}", end="\n" if done == rounds else "", file=sys.stderr, flush=True)

    return report


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
