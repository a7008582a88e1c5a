"""`make crash` killed itself leaves nobody behind; for the long tier, which runs it."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.crash.installation import ROOT
from tests.support.waiting import wait_for


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
