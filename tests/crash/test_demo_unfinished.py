"""The demo killed in its first start."""

from __future__ import annotations

import subprocess
import sys

from tests.support.live_portal import demo_running
from tests.support.waiting import wait_for


def test_demo_that_was_killed_while_it_wrote_its_data_begins_anew(tmp_path):
    first = subprocess.Popen(
        [sys.executable, "-m", "portal", "demo", "--port", "0", "--data-dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: (tmp_path / "portal.db").exists(), seconds=30)
    first.kill()
    first.wait()
    assert not (tmp_path / "demo.json").exists()

    with demo_running(tmp_path) as (portal, _):
        assert {slug: len(addresses) for slug, addresses in portal.customers.items()} == {"acme": 2, "savane": 3}
        portal.accounts.create().save_card()
        assert {path.name for path in tmp_path.glob("*.unfinished")} == set()
