"""What is written for people is true: settings, statuses, commands, paths and links; and nothing in it belongs to one machine."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import SecretStr

from portal.cli import cli
from portal.clock import MovableClock
from portal.database import Database
from portal.payments.rules.statuses import PAYMENT_STATUSES, TRANSITIONS, next_check
from portal.services import Services
from portal.settings import PREFIX, Settings
from tests.conftest import SECRET_KEY
from tests.support.accounts import make_account
from tests.support.page_client import PageClient

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DECISIONS = ROOT / "docs/decisions"
DECISION_HEADINGS = ("## Context", "## Decision", "## Considered", "## Consequences")
DATE = r"Date: 20\d\d-[01]\d-[0-3]\d"
TOP_LEVEL = {
    "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "docs", "portal", "pyproject.toml", "requirements.lock", "static",
    "templates", "tests", "themes",
}  # fmt: skip

# In two parts each, so that this file does not name what it looks for.
_MACHINES = tuple(
    first + second
    for first, second in (
        ("/wo", r"rk\b(?!er)"), ("/tmp/", "team"), (r"\bfar", "m-"), (r"\.lib", r"rary\b"), ("/ro", "ot/"), ("/ho", r"me/\w"),
        ("/Use", r"rs/\w"), (r"py", r"pi\.(org|python)"), ("files.python", "hosted"), ("registry.", r"(npmjs|yarnpkg)"),
        ("py", "pi-mirror"), ("proxy.go", "lang"),
    )
)  # fmt: skip
NAMES_OF_MACHINES = re.compile("|".join(_MACHINES))
TEXT_OF_OTHERS = ("tests/support/axe/", "tests/data/import/")
_PICTURES = {".png", ".ico", ".jpg", ".webp", ".woff2", ".ttf"}


# --- what the documents have to hold ---


@cache
def committed() -> tuple[str, ...]:
    """Every file of the repository, as git knows it, or as it lies there where git does not know it."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        found = (path for name in TOP_LEVEL for path in [ROOT / name, *(ROOT / name).rglob("*")] if path.is_file())
        return tuple(sorted(path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts))
    return tuple(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def documents() -> list[Path]:
    return [
        README,
        ROOT / "CHANGELOG.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "tests").rglob("*.md")),
    ]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def rows_of(text: str) -> Iterator[list[str]]:
    """The cells of each row of the tables in a text, heads and rules left out."""
    for line in text.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def prose_of(text: str) -> str:
    """The text without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def code_of(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def anchors_of(path: Path) -> set[str]:
    """The anchors that the headings of a document get."""
    found = set()
    for line in prose_of(path.read_text()).splitlines():
        if heading := re.fullmatch(r"#+ (.+)", line):
            words = re.sub(r"[^\w\- ]", "", heading[1].lower())
            found.add(words.replace(" ", "-"))
    return found


def commands_in(path: Path) -> Iterator[list[str]]:
    """The words of each command in the shell blocks of a document, and of each `portal …` and `make …` in its sentences."""
    text = path.read_text()
    for block in code_of(text, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line, comments=True)
    for quoted in re.findall(r"`((?:portal|make|flask portal) [^`]+)`", prose_of(text).replace("\n", " ")):
        yield quoted.split()


def portal_words(words: list[str]) -> list[str] | None:
    """What comes after `portal`, where the command is one of ours."""
    for place, word in enumerate(words):
        is_first = place == 0 or words[0] == "flask"
        if is_first and word.rpartition("/")[2] == "portal":
            return words[place + 1 :]
    return None


def faults_of_command(words: list[str]) -> list[str]:
    """What `portal` would not know of a command: names, then options."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group) and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        found = command.get_command(click.Context(command), rest[0])
        if found is None:
            return [f"portal has no command {' '.join(words)}"]
        command, rest = found, rest[1:]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    if isinstance(command, click.Group):
        options.add("--version")
    given = [word.partition("=")[0] for word in rest if word.startswith("--")]
    return [f"portal {' '.join(words)}: there is no option {name}" for name in given if name not in options]


# --- settings ---


def shown_default(value: Any) -> str:
    """A default as the table writes it."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in ("", ()):
        return "none"
    return f"`{int(value) if isinstance(value, bool) else value}`"


def test_every_setting_is_documented_with_its_default() -> None:
    # What a merchant sets is compared in tests/unit/merchants/test_settings_document.py.
    before, _, after = (ROOT / "docs/settings.md").read_text().partition("## What a merchant sets")
    rows = rows_of(before + after.partition("## The demo")[2])
    table = {cells[0].strip("`"): cells[1] for cells in rows if len(cells) == 3}
    table.pop("setting")
    fields = {PREFIX + name.upper(): shown_default(field.default) for name, field in Settings.model_fields.items()}

    # Two have no default and say what happens then.
    for name in (f"{PREFIX}SECRET_KEY", f"{PREFIX}DATABASE_URL"):
        assert table[name].startswith(fields[name])
        table[name] = fields[name]

    assert table == fields


def test_documents_name_only_settings_that_there_are() -> None:
    names = {PREFIX + name.upper() for name in Settings.model_fields}
    names |= {f"{PREFIX}TEST_DATABASE_URL", f"{PREFIX}URL"}  # Of the tests themselves.

    for path in documents():
        unknown = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", path.read_text())) - names
        assert not unknown, f"{name_of(path)} names {unknown}"


# --- paying ---


def transitions_table() -> str:
    lines = ["| from | may become |", "|---|---|"]
    for status in PAYMENT_STATUSES:
        following = ", ".join(f"`{one}`" for one in PAYMENT_STATUSES if one in TRANSITIONS[status])
        lines.append(f"| `{status}` | {following} |")
    return "\n".join(lines)


def test_transitions_of_payments_are_those_of_the_rules() -> None:
    text = (ROOT / "docs/paying.md").read_text()

    written = re.search(r"<!-- transitions -->\n(.*?)\n?<!-- /transitions -->", text, re.DOTALL)

    assert written is not None
    assert written[1] == transitions_table(), f"docs/paying.md should say:\n{transitions_table()}"


def test_each_status_of_a_payment_is_explained_once() -> None:
    section = (ROOT / "docs/paying.md").read_text().partition("## Statuses")[2].partition("<!--")[0]

    explained = [cells[0].strip("`") for cells in rows_of(section)][1:]

    assert tuple(sorted(explained)) == tuple(sorted(PAYMENT_STATUSES))


def test_pauses_between_questions_are_those_of_the_rules() -> None:
    start = MovableClock().now()
    units = ((86400, "daily"), (3600, "h"), (60, "min"), (1, "s"))
    pauses = []
    for count in range(10):
        seconds = int((next_check(count, start) - start).total_seconds())
        size, unit = next((size, unit) for size, unit in units if seconds >= size)
        pauses.append(unit if unit == "daily" else f"{seconds // size} {unit}")

    text = (ROOT / "docs/paying.md").read_text()

    assert f"{pauses[0]} after the sending, then after pauses of {', '.join(pauses[1:9])}, then {pauses[9]}" in text


def test_every_crash_point_is_explained() -> None:
    sources = (path.read_text() for path in (ROOT / "portal").rglob("*.py"))
    labels = {label for source in sources for label in re.findall(r'crash_point\("([^"]+)"\)', source)}
    section = (ROOT / "docs/paying.md").read_text().partition("## Killed at any point")[2]

    explained = {cells[0].strip("`") for cells in rows_of(section)} - {"crash point"}

    assert explained == labels


# --- commands, code, paths and links ---


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_commands_that_are_named_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    faults = []
    for words in commands_in(path):
        if words[:1] == ["make"]:
            faults += [f"make has no target {words[1]}"] if words[1] not in targets else []
        elif (ours := portal_words(words)) is not None:
            faults += faults_of_command(ours)

    assert not faults


def test_commands_are_found_in_documents() -> None:
    found = [ours for words in commands_in(README) if (ours := portal_words(words)) is not None]

    assert ["serve", "--workers", "4"] in found
    assert any(words[:2] == ["import", "invoices"] for words in found)
    assert faults_of_command(["serve", "--worker", "4"]) == ["portal serve --worker 4: there is no option --worker"]
    assert faults_of_command(["serves"])


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_python_in_documents_compiles(path: Path) -> None:
    for block in code_of(path.read_text(), "python"):
        compile(block, name_of(path), "exec")


def test_application_of_the_readme_runs(
    database: Database, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(services)
    monkeypatch.setenv(f"{PREFIX}SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", database.url.render_as_string(hide_password=False))
    names: dict[str, Any] = {"__name__": "shop"}

    exec(code_of(README.read_text(), "python")[0], names)  # noqa: S102 - our own README

    try:
        page = PageClient(names["app"].test_client()).follow("/billing/")
    finally:
        names["portal"]._services.database.dispose()
    assert page.path == "/billing/sign-in"
    assert names["portal"].url_for("payments") == "/billing/payments"


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    text = prose_of(path.read_text())
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:src|href)="([^"]+)"', text)]
    faults = []
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.exists():
            faults.append(f"{link}: there is no such file")
        elif anchor and anchor not in anchors_of(target):
            faults.append(f"{link}: there is no such heading")

    assert not faults


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_paths_that_are_named_exist(path: Path) -> None:
    named = re.findall(r"`((?:portal|tests|templates|static|themes|docs)/[\w./-]*)`", prose_of(path.read_text()))

    assert [name for name in named if "NNNN" not in name and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_names_are_in_the_files_that_are_named(path: Path) -> None:
    text = re.sub(r"\s+", " ", prose_of(path.read_text()))
    named = re.findall(r"`([A-Za-z_]+)` (?:in|of) `((?:portal|tests|templates|static)/[\w./-]+\.\w+)`", text)

    assert [
        f"{name} in {file}" for name, file in named if not re.search(rf"\b{name}\b", (ROOT / file).read_text())
    ] == []


# --- packages ---


def table_under(heading: str, path: Path) -> list[list[str]]:
    """The rows of the first table under a heading, its head left out."""
    section = path.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return list(rows_of(section))[1:]


def test_each_package_is_described_once() -> None:
    packages = sorted(
        f"`{path.name}/`" for path in (ROOT / "portal").iterdir() if path.is_dir() and path.name != "__pycache__"
    )

    assert sorted(cells[0] for cells in table_under("Packages", ROOT / "docs/contributing.md")) == packages


def test_kinds_of_files_are_those_of_the_import_rules() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")

    described = [
        re.findall(r"`(\w+)`", cells[0])
        for cells in table_under("Files of a domain, and who may import whom", ROOT / "docs/contributing.md")
    ]

    assert described == [re.findall(r"\w+", layer) for layer in layers]


# --- decisions ---


def decisions() -> list[Path]:
    return sorted(path for path in DECISIONS.iterdir() if path.name != "README.md")


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in decisions()]

    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    missing = sorted({f"{number:04}" for number in range(1, int(max(numbers)) + 1)} - set(numbers))

    assert not twice, f"docs/decisions has more than one record with the number {', '.join(twice)}"
    assert not missing, f"docs/decisions has no record with the number {', '.join(missing)}"


@pytest.mark.parametrize("path", decisions(), ids=lambda path: path.stem)
def test_every_decision_has_the_one_form(path: Path) -> None:
    lines = path.read_text().splitlines()
    number = path.name[:4]

    assert re.fullmatch(rf"# {number}\. \S.*", lines[0]), f"{name_of(path)} should begin with: # {number}. Title"
    assert len(lines) > 2 and re.fullmatch(DATE, lines[2]), (
        f"{name_of(path)} should have as third line: Date: YYYY-MM-DD"
    )
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == list(DECISION_HEADINGS), f"{name_of(path)} should have these headings, in this order"


def test_index_of_decisions_lists_each() -> None:
    expected = []
    for path in decisions():
        lines = path.read_text().splitlines()
        title, date = lines[0].partition(". ")[2], lines[2].removeprefix("Date: ")
        expected.append(f"| [{path.name[:4]}]({path.name}) | {title} | {date} |")

    listed = [line for line in (DECISIONS / "README.md").read_text().splitlines() if line.startswith("| [")]

    missing, superfluous = set(expected) - set(listed), set(listed) - set(expected)
    assert not missing, "docs/decisions/README.md lacks:\n" + "\n".join(sorted(missing))
    assert not superfluous, "docs/decisions/README.md lists what there is not:\n" + "\n".join(sorted(superfluous))
    assert listed == expected, "docs/decisions/README.md should be in the order of the numbers"


# --- what must not be there ---


def test_no_text_names_a_machine_or_a_registry() -> None:
    found = []
    for name in committed():
        if name.startswith(TEXT_OF_OTHERS) or Path(name).suffix in _PICTURES:
            continue
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
            if match := NAMES_OF_MACHINES.search(line):
                found.append(f"{name}:{number}: {match[0]}")

    assert found == []


def test_pictures_are_small_and_say_nothing_of_where_they_were_made() -> None:
    pictures = sorted((ROOT / "docs/pictures").glob("*.png"))

    assert pictures
    assert sum(path.stat().st_size for path in pictures) < 300_000
    for path in pictures:
        assert not re.search(rb"tEXt|iTXt|zTXt|eXIf", path.read_bytes()[:4096]), path.name


def test_top_level_holds_what_is_settled() -> None:
    top = {name.partition("/")[0] for name in committed()}

    assert {name for name in top if not name.startswith(".")} == TOP_LEVEL
