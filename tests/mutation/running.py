"""A run of pytest that knows which test reaches which line, and then runs, in a fork each, the tests that reach a fault."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import ROOT, Mutant
from tests.support.databases import FORK

_MOST_SECONDS = 90
"""Of the processor, that a fault's tests may take: one that never ends is found, too, and a busy machine finds nothing."""
_KILLED, _SURVIVED = 1, 0


@dataclass
class MutationRun:
    """A plugin of pytest. `results` is what became of each mutant: whether a test turned red."""

    mutants: list[Mutant]
    jobs: int
    results: dict[int, bool] = field(default_factory=dict)
    reached: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[int, float] = field(default_factory=dict)
    plain: set[int] = field(default_factory=set)
    has_failed: bool = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        # Here, since pytest wants to be the first to import it.
        from hypothesis import Phase
        from hypothesis import settings as hypothesis_settings

        # A failing example is shrunk for people, and nobody reads it here.
        hypothesis_settings.register_profile(
            "mutation", deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
        )
        hypothesis_settings.load_profile("mutation")
        # A fork has no threads, so that no mail server answers in it.
        items = [item for item in session.items if "_mail_server" not in getattr(item, "fixturenames", ())]
        self._run_unchanged(items)
        if not self.has_failed:
            self._run_controls(items)
        if not self.has_failed:
            self._run_mutants(items)
        return True

    def _run_unchanged(self, items: list[pytest.Item]) -> None:
        files = {str(ROOT / mutant.file): mutant.file for mutant in self.mutants}
        for index, item in enumerate(items):
            started = time.monotonic()
            with _tracing(files, partial(self._note_reached, index)):
                # Another item comes after the last, so that what all of them share stays.
                reports = runtestprotocol(item, log=False, nextitem=items[(index + 1) % len(items)])
            self.seconds[index] = time.monotonic() - started
            if "database" not in getattr(item, "fixturenames", ()):
                self.plain.add(index)
            if any(report.failed for report in reports):
                print(f"fails without any fault: {item.nodeid}")
                self.has_failed = True

    def _run_controls(self, items: list[pytest.Item]) -> None:
        """As many forks as run at once, without any fault: one that turned red all the same would count faults as found."""
        running = {self._fork(None, items, items, slot) for slot in range(self.jobs)}
        while running:
            pid, status = os.wait()
            running.remove(pid)
            if os.waitstatus_to_exitcode(status) != _SURVIVED:
                print("a fork fails without any fault beside another")
                self.has_failed = True

    def _note_reached(self, index: int, file: str, line: int) -> None:
        self.reached[(file, line)].add(index)

    def _run_mutants(self, items: list[pytest.Item]) -> None:
        running: dict[int, tuple[int, int]] = {}
        for number, mutant in enumerate(self.mutants):
            while len(running) >= self.jobs:
                self._await_one(running)
            tests = self._tests_of(mutant)
            if not tests:
                self.results[number] = False
                continue
            slot = min(set(range(self.jobs)) - {slot for _, slot in running.values()})
            running[self._fork(mutant, [items[index] for index in tests], items, slot)] = number, slot
        while running:
            self._await_one(running)

    @staticmethod
    def _fork(mutant: Mutant | None, tests: list[pytest.Item], items: list[pytest.Item], slot: int) -> int:
        """Run the tests in a process of its own, with the fault or without any; each of those that run at once has a `slot`, and
        by that a database of its own. Tells the process's id."""
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.environ[FORK] = str(slot)
            _run_child(mutant, tests, items)
        return pid

    def _await_one(self, running: dict[int, tuple[int, int]]) -> None:
        pid, status = os.wait()
        number, _ = running.pop(pid)
        self.results[number] = os.waitstatus_to_exitcode(status) != _SURVIVED
        if len(self.results) % 50 == 0:
            print(f"{len(self.results)} of {len(self.mutants)}", file=sys.stderr, flush=True)

    def _tests_of(self, mutant: Mutant) -> list[int]:
        """The tests that reach the fault's line, quickest first; of what runs at import, those that reach the module, and all
        that need no database: they may look at a table without running anything."""
        if mutant.within:
            tests = self.reached.get((mutant.file, mutant.line), set())
            # A statement of several lines is traced at some of them only.
            if not tests:
                tests = set().union(
                    *(found for (file, line), found in self.reached.items() if file == mutant.file and abs(line - mutant.line) <= 8)
                )  # fmt: skip
        else:
            tests = self.plain.union(*(found for (file, _), found in self.reached.items() if file == mutant.file))
        return sorted(tests, key=lambda index: self.seconds[index])


def _run_child(mutant: Mutant | None, tests: list[pytest.Item], items: list[pytest.Item]) -> None:
    """In a process of its own: put the fault in place, if there is one, run the tests until one turns red, and end."""
    code = _KILLED
    try:
        os.setsid()
        signal.setitimer(signal.ITIMER_PROF, _MOST_SECONDS if mutant is not None else 0)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        if mutant is not None:
            put_in_place(mutant)
        for test, following in zip(tests, [*tests[1:], None], strict=True):
            other = next(item for item in items if item is not test)
            if any(report.failed for report in runtestprotocol(test, log=False, nextitem=following or other)):
                break
        else:
            code = _SURVIVED
    finally:
        os._exit(code)


def put_in_place(mutant: Mutant) -> None:
    """Change the module that is loaded: its functions get the changed code, its names the changed values, wherever they are
    known by now."""
    module = importlib.import_module(mutant.file.removesuffix(".py").replace("/", "."))
    fresh = ModuleType(module.__name__)
    fresh.__file__ = module.__file__
    exec(compile(mutant.tree, str(ROOT / mutant.file), "exec"), fresh.__dict__)  # noqa: S102 - our own source, with a fault
    if mutant.within:
        changed = {function.__qualname__: function for function in _functions_of(fresh)}
        for function in _functions_of(module):
            new = changed[function.__qualname__]
            function.__code__, function.__defaults__ = new.__code__, new.__defaults__
            function.__kwdefaults__ = new.__kwdefaults__
        return
    for name, value in fresh.__dict__.items():
        before = module.__dict__.get(name)
        if name.startswith("__") or isinstance(value, FunctionType | type | ModuleType) or before == value:
            continue
        for known in list(sys.modules.values()):
            if getattr(known, "__dict__", {}).get(name) is before:
                known.__dict__[name] = value


def _functions_of(holder: Any) -> Iterator[FunctionType]:
    name = getattr(holder, "__name__", "") if isinstance(holder, ModuleType) else holder.__module__
    for value in list(vars(holder).values()):
        plain = getattr(value, "fget", None) or getattr(value, "__func__", None) or value
        plain = getattr(plain, "__wrapped__", plain)
        if isinstance(plain, FunctionType) and plain.__module__ == name:
            yield plain
        elif isinstance(plain, type) and plain.__module__ == name and isinstance(holder, ModuleType):
            yield from _functions_of(plain)


class _tracing:  # noqa: N801 - read as a block
    """For the length of the block, tell each line of these files that is reached."""

    def __init__(self, files: dict[str, str], tell: Callable[[str, int], None]) -> None:
        self.files, self.tell = files, tell

    def __enter__(self) -> None:
        threading.settrace(self._enter_frame)
        sys.settrace(self._enter_frame)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _enter_frame(self, frame: FrameType, _event: str, _arg: object) -> Any:
        return self._note if frame.f_code.co_filename in self.files else None

    def _note(self, frame: FrameType, _event: str, _arg: object) -> Any:
        self.tell(self.files[frame.f_code.co_filename], frame.f_lineno)
        return self._note
