"""`portal demo`: the whole system on this machine, with example data."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5000,
    show_default=True,
    help="The port of the portal, 0 for a free one; the other processes use free ones.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("instance/demo"),
    show_default=True,
    help="The folder of its data.",
)
@click.option("--reset", is_flag=True, help="Delete the data and start again.")
def demo(port: int, data_dir: Path, reset: bool) -> None:
    """Run web server, worker, sandbox gateway and mail catcher together, with two merchants and their customers.

    Prints the addresses to open, and `ready` once it answers. SIGINT or SIGTERM ends it.
    """
    from portal.demo.processes import DemoError, run_demo

    try:
        run_demo(port, data_dir, reset=reset)
    except DemoError as error:
        raise click.ClickException(str(error)) from error
