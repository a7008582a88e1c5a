"""Interleaved rounds over many pages, and ratios between pages of the same round: what a busy machine does to one it does to both."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.load import Target, load
from tests.bench.servers import Server, processor_seconds


@dataclass(frozen=True, slots=True)
class Case:
    """A page that is measured. `database_pids` are the processes that work for its server in the database, if any can be seen."""

    name: str
    server: Server
    target: Target
    database_pids: Callable[[], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one page: requests a second, and seconds of processor a request, the database's apart."""

    rate: float
    server_seconds: float
    database_seconds: float

    @property
    def seconds(self) -> float:
        return self.server_seconds + self.database_seconds


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the rounds' ratios, and their ends."""

    median: float
    least: float
    most: float


def measure(
    cases: Sequence[Case], *, rounds: int, requests: int, connections: int, report: Callable[[int], None]
) -> dict[str, list[Sample]]:
    """Every case once a round, in an order that turns from round to round; the samples by the case's name."""
    for case in cases:
        load(case.target, max(40, requests // 4), connections)  # Connections opened, templates compiled, pages cached.
    found: dict[str, list[Sample]] = {case.name: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            found[case.name].append(_sample(case, requests, connections))
        report(number + 1)
    return found


def ratio(upper: Sequence[Sample], lower: Sequence[Sample], of: Callable[[Sample], float]) -> Ratio:
    """`upper` by `lower`, round by round."""
    ratios = [of(one) / of(other) for one, other in zip(upper, lower, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def median(samples: Iterable[Sample], of: Callable[[Sample], float]) -> float:
    return statistics.median(map(of, samples))


def _sample(case: Case, requests: int, connections: int) -> Sample:
    before = {pid: processor_seconds(pid) for pid in case.database_pids()}
    server_before = case.server.processor_seconds()
    seconds = load(case.target, requests, connections)
    server_after = case.server.processor_seconds()
    in_database = _grown(before, case.database_pids())
    return Sample(requests / seconds, (server_after - server_before) / requests, in_database / requests)


def _grown(before: Mapping[int, float], pids: Iterable[int]) -> float:
    return sum(processor_seconds(pid) - before.get(pid, 0.0) for pid in pids)
