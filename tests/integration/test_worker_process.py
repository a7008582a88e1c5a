"""The worker as a process of its own: it delivers, and ends cleanly on a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

from portal.outbox.models import OutboxMessage
from tests.support.site import ADDRESS


def environment(site):
    settings = site.services.settings
    return {
        **os.environ,
        "PORTAL_DATABASE_URL": settings.database_url,
        "PORTAL_SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "PORTAL_SMTP_URL": settings.smtp_url,
        "PORTAL_BASE_URL": settings.base_url,
        "PORTAL_MAIL_FROM": settings.mail_from,
    }


def test_worker_process_delivers_and_ends_within_ten_seconds_of_sigterm(site):
    # The worker has the machine's clock: requests of the tests' March would be deleted as old rows.
    site.clock.move_to(datetime.now(UTC))
    site.request_sign_in(site.browser())
    process = subprocess.Popen(
        [sys.executable, "-m", "portal", "worker"],
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + 30
        while not site.mail.caught and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        (caught,) = site.mail.take()
        signaled_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=15)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()

    assert caught.recipients == (ADDRESS,)
    assert process.returncode == 0, errors.decode()
    assert time.monotonic() - signaled_at < 10
    assert b"Traceback" not in errors
    assert caught.code.encode() not in errors
    assert ADDRESS.encode() not in errors
    assert site.rows(OutboxMessage)[0].done_at is not None
