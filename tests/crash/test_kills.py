"""Kills at random under load, a few of the many that `make crash` does: both ledgers agree, and nobody is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random

from tests.crash.installation import ROOT
from tests.crash.kills import Tally, kill_again_and_again
from tests.support.waiting import wait_for

KILLS = 5


def test_kills_at_random_under_load_leave_both_ledgers_equal(installation):
    tally = Tally()

    kill_again_and_again(installation, KILLS, Random(3), tally, name="kills", steered_share=1)

    assert tally.kills == KILLS
    assert tally.in_flight >= 0.6 * KILLS
    assert tally.resolved == tally.unknowns > 0
    assert tally.charges > 0 and tally.taken == tally.booked


def test_run_that_is_killed_itself_leaves_no_process_behind(tmp_path_factory):
    # Short: a socket's path has 107 characters at most.
    tmp_path = tmp_path_factory.mktemp("k")
    command = [sys.executable, "-m", "tests.crash", "--kills", "1000"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        # The run, multiprocessing's two, the sandbox, the web server and the worker; between other tests that takes a while.
        wait_for(lambda: len(_processes(run.pid)) >= 6, seconds=120, sentence="the run did not start its processes")
    finally:
        run.kill()
        run.wait()

    wait_for(lambda: not _processes(run.pid), sentence="processes were left behind")


def _processes(session: int) -> list[str]:
    """The live processes of a session, without those that only wait for their parent to notice their end."""
    command = ["ps", "-A", "-o", "sid=,stat=,pid="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [line.split() for line in lines]
    return [pid for sid, state, pid in found if sid == str(session) and not state.startswith("Z")]
