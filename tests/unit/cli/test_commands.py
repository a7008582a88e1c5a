"""The console command as a person meets it: help for everything, one line a fault, the promised exit codes."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from portal.cli import COMMANDS, cli
from portal.commands.lazy_group import error_sentence
from portal.errors import NotFound
from portal.settings import SettingsFault
from tests.support.commands import Commands


def commands_of(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found.append((*path, name))
            if isinstance(command, click.Group):
                found += commands_of(command, (*path, name))
    return found


@pytest.fixture
def commands(capsys, monkeypatch) -> Commands:
    monkeypatch.delenv("PORTAL_SECRET_KEY", raising=False)
    return Commands(capsys)


@pytest.mark.parametrize("path", commands_of(cli), ids=" ".join)
def test_every_command_has_help(commands, path):
    ran = commands.run(*path, "--help")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: portal {' '.join(path)}")


@pytest.mark.parametrize("path", commands_of(cli), ids=" ".join)
def test_every_option_says_what_it_is_for(path):
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found

    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_contract_names_every_command():
    assert set(COMMANDS) >= {
        "demo",
        "serve",
        "worker",
        "db",
        "merchant",
        "api-key",
        "customer",
        "invoice",
        "payment",
        "gateway",
        "import",
        "session",
        "theme",
        "doctor",
    }


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("serve", "--workers", "many"), ("db", "nonsense"), ("import", "invoices", "/no/such/file", "--merchant", "a"),
     ("merchant", "create"), ("session", "create", "--merchant", "a")],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_2(commands, arguments):
    ran = commands.run(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("portal: ")
    assert len(ran.err.splitlines()) == 1


def test_missing_settings_are_one_line_and_1(commands):
    ran = commands.run("db", "check")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("portal: PORTAL_SECRET_KEY is missing")
    assert len(ran.err.splitlines()) == 1


def test_no_command_shows_the_help_and_is_wrong_usage(commands):
    ran = commands.run()

    assert ran.code == 2
    assert "Commands:" in ran.err


def test_unexpected_fault_keeps_its_traceback():
    assert error_sentence(KeyError("x")) is None
    assert error_sentence(NotFound()) == "Nothing at this address."
    assert error_sentence(SettingsFault(["a", "b"])) == "a; b"


def test_help_imports_no_web_framework_and_no_database():
    program = "import sys; from portal.cli import cli; cli.main(['--help'], standalone_mode=False);" \
        " print(sorted({'flask', 'sqlalchemy', 'pydantic', 'alembic', 'babel'} & set(sys.modules)))"  # fmt: skip

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.splitlines()[-1] == "[]"
