"""The demo's worker: `portal worker` that stops when the demo does, even when the demo is killed.

python -m portal.demo.worker PID_OF_THE_DEMO
"""

from __future__ import annotations

import os
import sys
import threading

from portal.app import build_services
from portal.documents.brands import provide_brands
from portal.documents.typesetting import Typesetter
from portal.json_logs import write_json_logs
from portal.rendering.renderer import Renderer
from portal.rendering.renewing import call_on_hangup, renew_themes
from portal.settings import Settings
from portal.theming.themes import load_themes
from portal.worker import build_handlers, run_forever, stop_on_signals

_CHECK_INTERVAL_SECONDS = 0.5


def main() -> None:
    settings = Settings.load(os.environ)
    write_json_logs(settings.log_level)
    stop = threading.Event()
    stop_on_signals(stop)
    threading.Thread(target=_stop_with_parent, args=(int(sys.argv[1]), stop), daemon=True).start()
    services = build_services(settings)
    renderer = Renderer(load_themes(settings.themes_dir))
    provide_brands(services.database, lambda: renderer.themes)
    call_on_hangup(lambda: renew_themes(renderer, settings.themes_dir))
    run_forever(services, build_handlers(renderer, Typesetter(settings.fonts_dir)), stop)
    services.database.dispose()


def _stop_with_parent(parent: int, stop: threading.Event) -> None:
    while os.getppid() == parent and not stop.wait(_CHECK_INTERVAL_SECONDS):
        pass
    stop.set()


if __name__ == "__main__":
    main()
