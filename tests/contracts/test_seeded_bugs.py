"""The catalogue of seeded bugs fits the code as it is: each change finds its text, and names tests that exist."""

from __future__ import annotations

import pytest
from jinja2 import Environment

from tests.bugs.catalogue import BUGS
from tests.bugs.catalogue.bug import Bug, Change, TextGone
from tests.bugs.trial import ROOT


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_can_still_be_seeded(bug: Bug, tmp_path) -> None:
    for file in {change.file for change in bug.changes}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text((ROOT / file).read_text())

    for change in bug.changes:
        change.apply(tmp_path)

    for change in bug.changes:
        changed = (tmp_path / change.file).read_text()
        if change.file.endswith(".py"):
            compile(changed, change.file, "exec")
        if change.file.endswith(".html"):
            Environment(autoescape=True).parse(changed)
    assert all((ROOT / test).exists() for test in bug.likely)


def test_bug_whose_text_is_gone_is_reported(tmp_path) -> None:
    (tmp_path / "module.py").write_text("a = 1\n")

    with pytest.raises(TextGone):
        Change("module.py", "a = 2", "a = 3").apply(tmp_path)


def test_names_of_bugs_are_unique() -> None:
    names = [bug.name for bug in BUGS]

    assert len(names) == len(set(names)) >= 20
