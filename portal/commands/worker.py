"""`portal worker`: the background work of an installation; several may run side by side."""

from __future__ import annotations

import threading

import click

from portal.commands.environment import load_settings, open_services


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
def worker(once: bool) -> None:
    """Deliver mail, look up unknown outcomes at gateways, and do what is due, until a signal. SIGHUP reads the themes anew."""
    from portal.documents.brands import provide_brands
    from portal.documents.typesetting import Typesetter
    from portal.json_logs import write_json_logs
    from portal.rendering.renderer import Renderer
    from portal.rendering.renewing import call_on_hangup, renew_themes
    from portal.theming.themes import load_themes
    from portal.worker import build_handlers, run_forever, run_once, stop_on_signals

    settings = load_settings()
    write_json_logs(settings.log_level)
    renderer = Renderer(load_themes(settings.themes_dir))
    handlers = build_handlers(renderer, Typesetter(settings.fonts_dir))
    with open_services(settings) as services:
        provide_brands(services.database, lambda: renderer.themes)
        if not once:
            stop = threading.Event()
            stop_on_signals(stop)
            call_on_hangup(lambda: renew_themes(renderer, settings.themes_dir))
            run_forever(services, handlers, stop)
            return
        counts = run_once(services, handlers)
    click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    if counts.get("failed_jobs"):
        raise click.ClickException(f"{counts['failed_jobs']} jobs failed; the log above says why")
