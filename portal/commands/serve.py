"""`portal serve`: the web server, in this process or in several that gunicorn looks after."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from portal.commands.environment import find_host, load_settings, open_services

if TYPE_CHECKING:
    from flask import Flask

    from portal.services import Services
    from portal.web.live_themes import LiveThemes

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5000,
    show_default=True,
    help="The port to listen at; 0 takes a free one.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Serve from so many processes instead of one.")
def serve(host: str, port: int, workers: int | None) -> None:
    """Serve the pages until a signal; prints `ready` and the URL once it listens. In a host application, its own pages too.

    The worker is a process of its own: run `portal worker` beside it. SIGHUP reads the themes anew.
    """
    from portal.json_logs import write_json_logs

    settings, mount = load_settings(), find_host()
    if mount is None:
        write_json_logs(settings.log_level)
    _check_free(host, port)
    # Half of the time of starting, which nobody needs to wait for a port that is taken.
    from portal.app import create_app
    from portal.rendering.renewing import call_on_hangup
    from portal.web.runtime import EXTENSION

    with open_services(settings) as services:
        app = mount.app if mount else create_app(services=services)
        # Which proxies are trusted is decided by a host application itself.
        has_proxies = settings.trusted_proxies > 0 or mount is not None
        themes: LiveThemes = (mount.pages if mount else app).extensions[EXTENSION].live_themes
        renew = themes.reload
        if workers is None:
            call_on_hangup(renew)
            _serve_alone(app, host, port, threads=settings.server_threads, has_proxies=has_proxies)
        else:
            _serve_in_processes(app, services, renew, host, port, workers, has_proxies=has_proxies)


def _serve_alone(app: Flask, host: str, port: int, *, threads: int, has_proxies: bool) -> None:
    from portal.http_server import HttpServer

    try:
        server = HttpServer(app, address=(host, port), threads=threads, has_proxies=has_proxies)
    except (OSError, ValueError) as fault:
        raise click.ClickException(_why_not_listening(fault, host, port)) from fault
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda _number, _frame: server.stop())
    click.echo(f"ready at http://{_shown(host)}:{server.port}")
    server.run()


def _serve_in_processes(
    app: Flask,
    services: Services,
    renew: Callable[[], None],
    host: str,
    port: int,
    workers: int,
    *,
    has_proxies: bool,
) -> None:
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter

    from portal.http_server import GRACE_SECONDS, HttpWorker
    from portal.rendering.renewing import call_on_hangup

    HttpWorker.has_proxies = has_proxies

    class PatientArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
        def spawn_worker(self) -> int:
            """Block the ending signals until the worker handles them. Between its fork and its own handlers they would be lost, and
            the server would end only after the whole grace period (gunicorn's issue 1910)."""
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
            try:
                return int(super().spawn_worker())
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

        def reload(self) -> None:
            """On SIGHUP: read the themes anew here, for workers that are still to come, and in each worker. To replace the workers, as
            gunicorn would, drops connections that one of them has just taken."""
            renew()
            self.kill_workers(signal.SIGHUP)

    def listen_to_signals(_worker: Any) -> None:
        call_on_hangup(renew)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def drop_connections(_server: Any, _worker: Any) -> None:
        # Two processes that share a connection would get each other's results.
        services.database.dispose()

    def say_ready(server: Any) -> None:
        click.echo(f"ready at {', '.join(str(listener) for listener in server.LISTENERS)}")

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            for name, value in {
                "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                "workers": workers,
                "worker_class": HttpWorker,
                "threads": services.settings.server_threads,
                "graceful_timeout": GRACE_SECONDS + 5,
                "preload_app": True,  # One copy of the code in memory, shared by all workers.
                "control_socket_disable": True,
                "pre_fork": drop_connections,
                "post_worker_init": listen_to_signals,
                "when_ready": say_ready,
                "proc_name": "portal",
                "loglevel": "warning",
            }.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return app

        def run(self) -> None:
            PatientArbiter(self).run()

    # gunicorn reads the command line's GUNICORN_CMD_ARGS only in its own command; here it has nothing to parse.
    Server().run()


def _check_free(host: str, port: int) -> None:
    """Check the port before the application is built; gunicorn would try five times and give the reason only in its log."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as fault:
        raise click.ClickException(_why_not_listening(fault, host, port)) from fault


def _why_not_listening(fault: Exception, host: str, port: int) -> str:
    if isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE:
        return f"port {port} is taken; choose another one with --port"
    return f"cannot listen at {host}:{port}: {getattr(fault, 'strerror', None) or fault}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
