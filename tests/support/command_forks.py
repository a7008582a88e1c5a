"""Commands of `portal` in processes of their own that have imported nothing of it, started quickly.

Each is a fork of one process that has imported packages of third parties alone, which takes most of the time of starting. It is
run as a file by any Python, also by one that has no tests: what stands above `CommandForks` needs the standard library alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

PREPARED = (
    "click", "pydantic_settings", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite.pysqlite", "alembic.command", "flask", "babel.core",
    "babel.dates", "babel.numbers", "babel.support", "coloraide", "cryptography.fernet", "cryptography.hazmat.primitives.kdf.hkdf",
    "flask_wtf", "idna", "jinja2.ext", "phonenumbers", "tinycss2", "tomli_w", "werkzeug", "wtforms",
)  # fmt: skip


def _serve() -> None:
    for name in PREPARED:
        __import__(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(request: dict[str, Any]) -> None:
    for place, name in enumerate(("stdin", "stdout", "stderr")):
        os.dup2(os.open(request[name], os.O_RDONLY if place == 0 else os.O_WRONLY), place)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["portal", *request["arguments"]]
    code = 1
    try:
        assert "portal" not in sys.modules, "it would have imported what a command forgets to import"
        from portal.cli import main

        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class CommandForks:
    """Runs commands as forks of one process of `python`, which ends with the block."""

    def __init__(self, python: Path | str, folder: Path) -> None:
        self._folder = folder
        # -P: the folder of this file is no place to import from.
        self._process = subprocess.Popen(
            [str(python), "-P", str(Path(__file__))],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> CommandForks:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=20)

    def run(
        self, *arguments: str, folder: Path, environment: Mapping[str, str], text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run one command in `folder` with this environment and standard input."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            files = {name: Path(place) / name for name in ("stdin", "stdout", "stderr")}
            for file in files.values():
                file.write_text(text if file.name == "stdin" else "")
            request = {
                "arguments": arguments, "folder": str(folder), "environment": dict(environment),
                **{name: str(file) for name, file in files.items()},
            }  # fmt: skip
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code = self._process.stdout.readline()
            assert code, "the process that is forked has ended"
            return subprocess.CompletedProcess(
                arguments, int(code), files["stdout"].read_text(), files["stderr"].read_text()
            )


if __name__ == "__main__":
    _serve()
