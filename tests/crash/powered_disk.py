"""A disk that remembers in which order it was written and synced, so that it can be shown as a power cut at any moment leaves it.

SQLite writes through a VFS of apsw's; what was synced is there after a cut, of what was not any part may be, or none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import apsw


@dataclass(frozen=True)
class Step:
    """What was done to a file: `write` of `data` at `offset`, `truncate` to `offset`, `sync`, or `delete`."""

    file: str
    kind: str
    offset: int = 0
    data: bytes = b""


@dataclass
class PoweredDisk:
    """`name` is its VFS's. `begun_with` is what files held before the first step, and holds after any cut."""

    name: str
    steps: list[Step] = field(default_factory=list)
    begun_with: dict[str, bytes] = field(default_factory=dict)
    _is_frozen: bool = False

    def plug_in(self) -> apsw.VFS:
        """The VFS, registered under the disk's name for as long as it is held."""
        return _RecordingVfs(self)

    def note(self, step: Step) -> None:
        if not self._is_frozen:
            self.steps.append(step)

    def freeze(self) -> None:
        """What comes now is no part of the story any more."""
        self._is_frozen = True

    def after_cut(self, moment: int, chance: Random | None) -> dict[str, bytes]:
        """The files by path as a cut after so many steps leaves them.

        Without `chance` nothing that was not synced is there; with it each unsynced step is there or not, in any combination.
        """
        durable = dict(self.begun_with)
        waiting: dict[str, list[Step]] = {}
        for step in self.steps[:moment]:
            if step.kind == "sync":
                durable[step.file] = _applied(durable.get(step.file, b""), waiting.pop(step.file, ()))
            elif step.kind == "delete":
                # SQLite deletes a journal as its very commit, and syncs the folder with it.
                durable.pop(step.file, None)
                waiting.pop(step.file, None)
            else:
                waiting.setdefault(step.file, []).append(step)
        for file, steps in waiting.items():
            kept = [step for step in steps if chance is not None and chance.random() < 0.5]
            if kept:
                durable[file] = _applied(durable.get(file, b""), kept)
        return durable

    def syncs(self) -> list[int]:
        """After how many steps something was synced: only then it changes what is there for certain."""
        return [place for place, step in enumerate(self.steps, start=1) if step.kind in ("sync", "delete")]


def _applied(before: bytes, steps: list[Step] | tuple[()]) -> bytes:
    content = bytearray(before)
    for step in steps:
        if step.kind == "truncate":
            del content[step.offset :]
            continue
        content.extend(bytes(max(0, step.offset - len(content))))
        content[step.offset : step.offset + len(step.data)] = step.data
    return bytes(content)


class _RecordingVfs(apsw.VFS):
    def __init__(self, disk: PoweredDisk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:
            return apsw.VFSFile("", name, flags)  # A temporary file: a cut may do to it what it likes.
        if Path(path).exists() and path not in self._disk.begun_with and not self._disk.steps:
            self._disk.begun_with[path] = Path(path).read_bytes()
        return _RecordingFile(self._disk, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._disk.note(Step(filename, "delete"))
        super().xDelete(filename, syncdir)


class _RecordingFile(apsw.VFSFile):
    def __init__(self, disk: PoweredDisk, path: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk, self._path = disk, path
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.note(Step(self._path, "write", offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.note(Step(self._path, "truncate", newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.note(Step(self._path, "sync"))
        super().xSync(flags)
