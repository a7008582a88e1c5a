"""`portal theme`: the themes of this installation."""

from __future__ import annotations

import click

from portal.commands.environment import load_settings


@click.group()
def theme() -> None:
    """List the themes, or check them."""


@theme.command("list")
def list_all() -> None:
    """Print each theme: its slug, its name, and the themes it extends; those with a fault are marked."""
    from portal.theming.checking import list_themes

    rows = list_themes(load_settings().themes_dir)
    width = max((len(row.slug) for row in rows), default=0)
    for row in rows:
        parents = f"  extends {', '.join(row.lineage[1:])}" if len(row.lineage) > 1 else ""
        click.echo(
            f"{row.slug:<{width}}  {row.name}{parents}{'' if row.sound else '  (has faults: run `portal theme check`)'}"
        )


@theme.command("check")
@click.argument("slug", required=False)
def check(slug: str | None) -> None:
    """Check one theme, or all of them, and print each fault with its file and line; exits 1 when there is one."""
    from portal.theming.checking import check_themes, list_themes

    folders = load_settings().themes_dir
    known = [row.slug for row in list_themes(folders)]
    if slug is not None and slug not in known:
        raise click.UsageError(f"there is no theme {slug}; there are {', '.join(known)}")
    faults = check_themes(folders, only=slug)
    for fault in faults:
        click.echo(str(fault))
    if faults:
        raise click.ClickException(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} found")
    click.echo(f"{slug} is sound" if slug else f"{len(known)} themes are sound")
