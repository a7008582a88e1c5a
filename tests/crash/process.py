"""A web server, a worker or a refund as a process of its own that may die by SIGKILL at a crash point; tests start it, nobody else can.

python -m tests.crash.process {serve PORT,work,refund MERCHANT PAYMENT} [--crash-at LABEL]
"""

from __future__ import annotations

import argparse
import os
import signal
from dataclasses import replace
from types import FrameType
from typing import NoReturn

from portal.app import build_services, create_app
from portal.crash_points import kill_at
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.settings import Settings
from portal.worker import run_once


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("serve", "work", "refund"))
    parser.add_argument("words", nargs="*")
    parser.add_argument("--crash-at", default="")
    options = parser.parse_args()
    services = replace(build_services(Settings.load(os.environ)), crash_point=kill_at(options.crash_at))
    if options.role == "serve":
        _serve(services, int(options.words[0]))
    elif options.role == "work":
        print(run_once(services))
    else:
        merchant_id, payment_id = options.words
        refund_payment(services, merchant_id, payment_id, 100, reason=None, actor_id="test")


def _serve(services: Services, port: int) -> None:
    import waitress

    server = waitress.create_server(create_app(services=services), host="127.0.0.1", port=port, threads=8, ident=None)
    signal.signal(signal.SIGTERM, _end)
    print("ready", flush=True)
    server.run()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
