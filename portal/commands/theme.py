"""`portal theme`: the themes of this installation, and new ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.commands.environment import theme_folders

if TYPE_CHECKING:
    from portal.theming.imported import Imported

_MOST_TOKENS_BYTES = 4 * 1024 * 1024


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
@click.option("--color", metavar="HEX", help="The brand's colour, such as '#00bcd4'.")
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A JSON file of design tokens (DTCG), or with a Stripe Appearance object: what of it a theme has is taken.",
)
@click.option("--logo", type=click.Path(path_type=Path), help="SVG, PNG or WebP; copied into the theme.")
@click.option(
    "--logo-shows-name/--logo-without-name",
    default=None,
    help="Whether the merchant's name is written in the logo; a logo that is 2.2 times as wide as high has it unless said otherwise.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that gets the theme's; the first of PORTAL_THEMES_DIR, or this one, unless said otherwise.",
)
def new(
    name: str,
    color: str | None,
    source: Path | None,
    logo: Path | None,
    logo_shows_name: bool | None,
    into: Path | None,
) -> None:
    """Make a complete theme NAME from one colour, for light and dark, in which everything can be read.

    Every colour is derived from it and written down, to be changed. Prints the theme's folder; writes nothing when something is wrong.
    """
    from portal.theming.creation import CannotCreate, Logo, create_theme

    if color is None and source is None:
        raise click.UsageError("say --color, or a file of another tool with --from")
    brand = _read_colour(color) if color is not None else None
    imported = _read_tokens(source) if source else None
    folders = theme_folders()
    target = into or (folders[0] if folders else Path())
    picture = Logo(logo, logo_shows_name) if logo else None
    try:
        created = create_theme(name, color=brand, into=target, logo=picture, imported=imported, folders=folders)
    except CannotCreate as fault:
        raise click.UsageError(fault.why) from None
    except OSError as fault:
        raise click.ClickException(f"{target} cannot be written to: {os.strerror(fault.errno or 0)}") from None
    click.echo(created.folder)
    for sentence in (*created.moved, *(f"left out: {each}" for each in (imported.left_out if imported else ()))):
        # Of another tool's file: nothing in it moves the cursor.
        click.echo("".join(each if each.isprintable() else "?" for each in sentence), err=True)
    click.echo(
        f"{name} is sound. With PORTAL_THEMES_DIR={target.resolve()}: `portal theme check {name}`, and for a merchant"
        f" `portal merchant update SLUG --theme {name}`.",
        err=True,
    )


@theme.command("preview")
@click.argument("name")
@click.option("--port", type=click.IntRange(0, 65535), default=5080, show_default=True, help="0 takes a free one.")
def preview(name: str, port: int) -> None:
    """Serve the gallery of a theme on this machine until Ctrl-C: every page and mail in every state, renewed when a file is saved.

    Beside each stands what its template is given. A theme with faults shows them, and the base theme, as its customers would see.
    """
    import signal

    from portal.gallery.app import create_gallery
    from portal.http_server import HttpServer
    from portal.theming.checking import list_themes

    folders = theme_folders()
    known = [row.slug for row in list_themes(folders)]
    if name not in known:
        raise click.UsageError(f"there is no theme {name}; there are {', '.join(known)}")
    try:
        server = HttpServer(create_gallery(name, folders), address=("127.0.0.1", port), threads=4, has_proxies=False)
    except (OSError, ValueError) as fault:
        raise click.ClickException(f"port {port} cannot be listened to: {fault}") from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: server.stop())
    click.echo(f"ready at http://127.0.0.1:{server.port}")
    server.run()


def _read_colour(text: str) -> str:
    from portal.theming.colour import clean_colour

    try:
        colour = clean_colour(text if text.startswith(("#", "rgb", "hsl", "oklch")) else f"#{text}")
    except ValueError as fault:
        raise click.BadParameter(f"{text!r} {fault}", param_hint="--color") from None
    if len(colour) > len("#rrggbb"):
        raise click.BadParameter(f"{text!r} is see-through: a brand's colour is not", param_hint="--color")
    return colour


def _read_tokens(path: Path) -> Imported:
    from portal.theming.imported import NoTokens, read_tokens

    try:
        if path.stat().st_size > _MOST_TOKENS_BYTES:
            raise click.BadParameter(f"{path} is heavier than {_MOST_TOKENS_BYTES // 1024} KB", param_hint="--from")
        return read_tokens(json.loads(path.read_text("utf-8-sig")))
    except OSError as fault:
        why = os.strerror(fault.errno or 0)
        raise click.BadParameter(f"{path} cannot be read: {why}", param_hint="--from") from None
    except NoTokens as fault:
        raise click.BadParameter(f"{path} {fault}", param_hint="--from") from None
    except (ValueError, RecursionError):  # Among them numbers of thousands of digits, and bytes that are no text.
        raise click.BadParameter(f"{path} is not JSON", param_hint="--from") from None
