"""localstripe as a process of its own on loopback: what of Stripe it has, nothing on disk, and a line that says what is left out.

It is somebody else's Stripe (https://github.com/adrienverge/localstripe), so that we do not only agree with our own. It takes no
parameter that it does not know, and has older shapes: what keeps it from answering us at all is put right here.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from aiohttp import web
from localstripe import server
from localstripe.resources import PaymentIntent, store

UNKNOWN_TO_IT = ("description", "return_url")
LEFT_OUT = (
    "no Checkout (pages, setups), no idempotency keys, no redirect for 3-D Secure, no list by time; "
    f"{' and '.join(UNKNOWN_TO_IT)} of a PaymentIntent are dropped"
)


def main() -> None:
    """Serve on a free port, reported with what is left out as a line of JSON on standard output, until the process is ended."""
    store.dump_to_disk = lambda: None
    PaymentIntent.amount_received = property(lambda intent: intent.amount if intent.status == "succeeded" else 0)
    create = PaymentIntent._api_create
    PaymentIntent._api_create = lambda **given: create(**_known(given))
    listening = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"port": listening.getsockname()[1], "left_out": LEFT_OUT}), flush=True)
    web.run_app(server.app, sock=listening, access_log=None, print=None)


def _known(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in UNKNOWN_TO_IT}


if __name__ == "__main__":
    main()
