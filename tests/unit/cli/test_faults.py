"""Errors at the terminal when something is missing: one line, and the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.cli import main
from tests.conftest import SECRET_KEY


@pytest.fixture
def not_a_database(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes and no database, whatever their length may be " * 20)
    return path


@pytest.mark.parametrize("place", ["{file}", "{file}/below/portal.db", "{folder}"])
@pytest.mark.parametrize(
    "command", [["db", "check"], ["db", "upgrade"], ["worker", "--once"], ["serve", "--port", "0"]]
)
def test_database_that_cannot_be_used_is_one_line(
    command: list[str],
    place: str,
    not_a_database: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = place.format(file=not_a_database, folder=not_a_database.parent)
    monkeypatch.setenv("PORTAL_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("PORTAL_SECRET_KEY", SECRET_KEY)

    with pytest.raises(SystemExit) as ended:
        main(command)

    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert err.startswith("portal: the database cannot be used: ") and err.count("\n") == 1


def test_folder_that_cannot_hold_the_demo_is_one_line(not_a_database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--port", "0", "--data-dir", str(not_a_database / "demo")])

    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert err == f"portal: {not_a_database / 'demo'} cannot hold the demo's data: Not a directory\n"
