"""`portal theme`: the themes of this installation."""

from __future__ import annotations

import json

import click

from portal.commands.environment import theme_folders


@click.group()
def theme() -> None:
    """List the themes, or check them."""


@theme.command("list")
def list_all() -> None:
    """Print each theme: its slug, its name, and the themes it extends; those with a fault are marked."""
    from portal.theming.checking import list_themes

    rows = list_themes(theme_folders())
    width = max((len(row.slug) for row in rows), default=0)
    for row in rows:
        parents = f"  extends {', '.join(row.lineage[1:])}" if len(row.lineage) > 1 else ""
        click.echo(
            f"{row.slug:<{width}}  {row.name}{parents}{'' if row.sound else '  (has faults: run `portal theme check`)'}"
        )


@theme.command("check")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a line for each fault.")
def check(name: str | None, as_json: bool) -> None:
    """Check one theme, or all of them: colours, files, texts, templates, and every page and mail with example data.

    Prints each fault with its file and line, and what would be right where that is known; exits 1 when there is one.
    """
    from portal.theme_check.checking import check_themes
    from portal.theming.checking import list_themes

    folders = theme_folders()
    known = [row.slug for row in list_themes(folders)]
    if name is not None and name not in known:
        raise click.UsageError(f"there is no theme {name}; there are {', '.join(known)}")
    faults = check_themes(folders, only=name)
    checked = [name] if name else known
    if as_json:
        document = {"object": "theme_check", "themes": checked, "sound": not faults}
        click.echo(json.dumps(document | {"faults": [fault.as_document() for fault in faults]}, ensure_ascii=False))
    else:
        for fault in faults:
            click.echo(str(fault))
    if faults:
        raise click.ClickException(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} found")
    if not as_json:
        click.echo(f"{name} is sound" if name else f"{len(checked)} themes are sound")
