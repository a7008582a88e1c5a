"""docs/threats.md is true: each number has one row, each test named there exists, and each citation in the code leads to a row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/threats.md"
FEWEST = {"rule": 44, "case": 227}
"""How many rows there were at first: none is ever taken out."""

_REFERENCE = r"`tests/[\w/]+\.py(?:::\w+){1,2}`"
HELD = re.compile(rf"{_REFERENCE}(?:, {_REFERENCE}){{0,3}}(?P<part> \(in part: .+\))?")
NOT_TESTED = re.compile(r"not tested(?:: .+)?")
COUNTS = re.compile(r"\*\*(\d+) of (\d+) (rule|case)s\*\* are held by a test, (\d+) of them in part")
_NUMBERS = r"\d+(?:(?:, | and )\d+)*"
CITATION = re.compile(
    rf"\b[Tt]hreats(?: (?P<case>{_NUMBERS})|, rules? (?P<rule>{_NUMBERS})|, group (?P<group>[A-Z]))\b"
)
OF_THE_STYLE = re.compile(rf"\bstyle's rules? {_NUMBERS}")
ANY_FORM = re.compile(r"\b(?:threats?|rules?)\W{1,3}(?:rules?\W)?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    kind: str
    number: int
    tests: str

    @property
    def name(self) -> str:
        return f"{self.kind} {self.number}"

    @property
    def references(self) -> list[str]:
        return [found.strip("`") for found in re.findall(_REFERENCE, self.tests)]


@dataclass(frozen=True)
class Citation:
    file: str
    kind: str
    named: str


# --- the table ---


@pytest.mark.parametrize("kind", FEWEST)
def test_each_number_has_one_row(kind: str) -> None:
    numbers = sorted(row.number for row in table() if row.kind == kind)

    assert numbers == list(range(1, max(FEWEST[kind], *numbers) + 1))


def test_each_row_names_tests_or_says_that_there_is_none() -> None:
    assert [
        f"{row.name}: {row.tests}"
        for row in table()
        if not (HELD.fullmatch(row.tests) or NOT_TESTED.fullmatch(row.tests))
    ] == []


def test_each_named_test_exists() -> None:
    assert [
        f"{row.name}: there is no {reference}{hint(reference)}"
        for row in table()
        for reference in row.references
        if reference not in suite()
    ] == []


def test_no_row_names_a_test_twice() -> None:
    assert [row.name for row in table() if len(row.references) != len(set(row.references))] == []


def test_counts_of_the_introduction_are_right() -> None:
    introduction = DOCUMENT.read_text().partition("\n## ")[0].replace("\n", " ")

    written = {kind: (int(held), int(all_), int(part)) for held, all_, kind, part in COUNTS.findall(introduction)}

    assert written == {kind: counts(kind) for kind in FEWEST}


# --- citations ---


def test_each_citation_leads_to_a_row() -> None:
    there = {row.name for row in table()} | {f"group {letter}" for letter in groups()}
    cited = list(citations())

    assert len(cited) > 20
    assert [each for each in cited if f"{each.kind} {each.named}" not in there] == []


def test_citations_have_one_form() -> None:
    assert [f"{file}: {form}" for file, text in sources() for form in other_forms(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(threats 94)", [("case", "94")]),
        ("(threats 125, 195).", [("case", "125"), ("case", "195")]),
        ("Threats 22 and 23: late money", [("case", "22"), ("case", "23")]),
        ("(threats, rule 13)", [("rule", "13")]),
        ("(threats, rules 22 and 23)", [("rule", "22"), ("rule", "23")]),
        ("(threats, rule 18; threats 68)", [("rule", "18"), ("case", "68")]),
        ("(threats, group L)", [("group", "L")]),
        ("the style's rule 12", []),
        ("limits of 3 threats", []),
    ],
)
def test_citation_is_read(text: str, found: list[tuple[str, str]]) -> None:
    assert [(each.kind, each.named) for each in citations_in("x.py", text)] == found
    assert other_forms(text) == []


@pytest.mark.parametrize(
    "text", ["(rule 13)", "Threat 101:", "Rules 22 and 23", "threats: 94", "threats rule 13", "(Rule: 5)"]
)
def test_any_other_form_is_noticed(text: str) -> None:
    assert other_forms(text) != []


# --- reading ---


@cache
def table() -> tuple[Row, ...]:
    """The rows of both tables, in their order."""
    rows, kind = [], ""
    for line in DOCUMENT.read_text().splitlines():
        if heading := re.fullmatch(r"## (\w+).*", line):
            kind = {"Rules": "rule", "Cases": "case"}.get(heading[1], "")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if kind and line.startswith("|") and cells[0].isdigit():
            number, _, tests = cells
            rows.append(Row(kind, int(number), tests))
    return tuple(rows)


def groups() -> list[str]:
    return re.findall(r"^### ([A-Z]):", DOCUMENT.read_text(), re.MULTILINE)


def counts(kind: str) -> tuple[int, int, int]:
    """How many rows are held by a test, how many there are, and how many of the first are held in part."""
    rows = [row for row in table() if row.kind == kind]
    held = [match for row in rows if (match := HELD.fullmatch(row.tests))]
    return len(held), len(rows), sum(match["part"] is not None for match in held)


@cache
def suite() -> frozenset[str]:
    """Every test there is, as `path::name` or `path::Class::name`."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            inside = node.body if isinstance(node, ast.ClassDef) else [node]
            prefix = f"{name}::{node.name}" if isinstance(node, ast.ClassDef) else name
            found |= {f"{prefix}::{each.name}" for each in inside if isinstance(each, ast.FunctionDef)}
    return frozenset(one for one in found if one.rpartition("::")[2].startswith("test_"))


def hint(reference: str) -> str:
    """Where a test of that name is now, for whoever has moved it."""
    name = reference.rpartition("::")[2]
    moved = sorted(one for one in suite() if one.endswith(f"::{name}"))
    return f"; it is {' or '.join(moved)}" if moved else ""


def sources() -> Iterator[tuple[str, str]]:
    """Each Python file but this one, its lines joined, so that a citation may run over the end of a line."""
    for folder in ("portal", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__).resolve():
                text = path.read_text(encoding="utf-8")
                yield path.relative_to(ROOT).as_posix(), re.sub(r"\s*\n\s*(?:# )?", " ", text)


def citations() -> Iterator[Citation]:
    for file, text in sources():
        yield from citations_in(file, text)


def citations_in(file: str, text: str) -> Iterator[Citation]:
    for match in CITATION.finditer(text):
        for kind, named in match.groupdict().items():
            for one in re.findall(r"\w+", (named or "").replace(" and ", " ")):
                yield Citation(file, kind, one)


def other_forms(text: str) -> list[str]:
    """What cites a number in any other way. The style's own rules are no threats."""
    return ANY_FORM.findall(OF_THE_STYLE.sub("", CITATION.sub("", text)))
