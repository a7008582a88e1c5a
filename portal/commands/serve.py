"""`portal serve`: the web server; one process of threads (waitress), or several (gunicorn)."""

from __future__ import annotations

import errno
import signal
import socket
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from portal.commands.environment import load_settings, open_services

if TYPE_CHECKING:
    from flask import Flask

    from portal.services import Services

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
    """Serve the pages until a signal; prints `ready` and the URL once it listens.

    The worker is a process of its own: run `portal worker` beside it.
    """
    from portal.app import create_app
    from portal.json_logs import write_json_logs

    settings = load_settings()
    write_json_logs(settings.log_level)
    _check_free(host, port)
    with open_services(settings) as services:
        app = create_app(services=services)
        if workers is None:
            _serve_by_waitress(
                app, host, port, threads=settings.server_threads, has_proxies=settings.trusted_proxies > 0
            )
        else:
            _serve_by_gunicorn(app, services, host, port, workers)


def _serve_by_waitress(app: Flask, host: str, port: int, *, threads: int, has_proxies: bool) -> None:
    import waitress

    try:
        server = waitress.create_server(
            app, host=host, port=port, threads=threads, ident=None,
            clear_untrusted_proxy_headers=not has_proxies,  # Our own ProxyFix reads them, as the settings say.
        )  # fmt: skip
    except (OSError, ValueError) as fault:
        raise click.ClickException(_why_not_listening(fault, host, port)) from fault
    signal.signal(signal.SIGTERM, _end)
    click.echo(f"ready at http://{_shown(host)}:{getattr(server, 'effective_port', port)}")
    server.run()  # Returns after SIGTERM or SIGINT, when the current requests are finished.


def _serve_by_gunicorn(app: Flask, services: Services, host: str, port: int, workers: int) -> None:
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter

    class PatientArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
        def spawn_worker(self) -> int:
            """Block the ending signals until the worker handles them. Between its fork and its own handlers they would be lost, and
            the server would end only after the whole grace period (gunicorn's issue 1910)."""
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
            try:
                return int(super().spawn_worker())
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def listen_to_signals(_worker: Any) -> None:
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
                "worker_class": "gthread",
                "threads": services.settings.server_threads,
                "preload_app": True,  # One copy of the code in memory, shared by all workers.
                "control_socket_disable": True,
                "pre_fork": drop_connections,
                "post_worker_init": listen_to_signals,
                "when_ready": say_ready,
                "proc_name": "portal",
                "loglevel": "warning",
                "forwarded_allow_ips": "*" if services.settings.trusted_proxies else "",
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


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _why_not_listening(fault: Exception, host: str, port: int) -> str:
    if isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE:
        return f"port {port} is taken; choose another one with --port"
    return f"cannot listen at {host}:{port}: {getattr(fault, 'strerror', None) or fault}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
