"""A click group that imports each command on first use, and turns expected errors into one clear line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """`lazy_commands` maps a command's name to its place (`module:attribute`) and a short help text."""

    def __init__(
        self, *arguments: Any, lazy_commands: Mapping[str, tuple[str, str]] | None = None, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.lazy_commands = dict(lazy_commands or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy_commands:
            return None
        module, _, attribute = self.lazy_commands[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.lazy_commands.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException:
            raise
        except Exception as fault:
            sentence = error_sentence(fault)
            if sentence is None:
                raise
            raise click.ClickException(sentence) from fault


def error_sentence(fault: Exception) -> str | None:
    """Return the sentence of an expected error; None for an unexpected one."""
    from sqlalchemy.exc import DatabaseError, OperationalError

    from portal.errors import PortalError
    from portal.settings import SettingsFault

    if isinstance(fault, SettingsFault | PortalError):
        return one_line(str(fault))
    # SQLite raises a plain DatabaseError for a file that is not a database.
    if isinstance(fault, OperationalError) or type(fault) is DatabaseError:
        return f"the database cannot be used: {one_line(str(fault.orig))}"
    return None


def one_line(text: str) -> str:
    """Return a message of several lines as one line."""
    return " ".join(text.split())
