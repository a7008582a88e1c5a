"""`portal theme`: the themes of this installation, and new ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from portal.commands.environment import theme_folders


@click.group()
def theme() -> None:
    """List the themes, check them, or make a new one."""


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


@theme.command("new")
@click.argument("name")
@click.option("--color", required=True, metavar="HEX", help="The brand's colour, such as '#00bcd4'.")
@click.option("--logo", type=click.Path(path_type=Path), help="SVG, PNG or WebP; copied into the theme.")
@click.option(
    "--logo-shows-name/--logo-without-name",
    default=None,
    help="Whether the merchant's name is written in the logo; a logo that is 2.2 times as wide as high has it unless told.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that gets the theme's; the first of PORTAL_THEMES_DIR, or this one, unless told.",
)
def new(name: str, color: str, logo: Path | None, logo_shows_name: bool | None, into: Path | None) -> None:
    """Make a complete theme NAME from one colour, for light and dark, in which everything can be read.

    Every colour is derived from it and written down, to be changed. Prints the theme's folder; writes nothing when something is wrong.
    """
    from portal.theming.colour import clean_colour
    from portal.theming.creation import CannotCreate, Logo, create_theme

    try:
        brand = clean_colour(color if color.startswith(("#", "rgb", "hsl", "oklch")) else f"#{color}")
    except ValueError as fault:
        raise click.BadParameter(f"{color!r} {fault}", param_hint="--color") from None
    if len(brand) > len("#rrggbb"):
        raise click.BadParameter(f"{color!r} is see-through: a brand's colour is not", param_hint="--color")
    folders = theme_folders()
    target = into or (folders[0] if folders else Path())
    picture = Logo(logo, logo_shows_name) if logo else None
    try:
        folder = create_theme(name, color=brand, into=target, logo=picture, folders=folders)
    except CannotCreate as fault:
        raise click.UsageError(fault.why) from None
    except OSError as fault:
        raise click.ClickException(f"{target} cannot be written to: {os.strerror(fault.errno or 0)}") from None
    click.echo(folder)
    click.echo(
        f"{name} is sound. With PORTAL_THEMES_DIR={target.resolve()}: `portal theme check {name}`, and for a merchant"
        f" `portal merchant update SLUG --theme {name}`.",
        err=True,
    )
