"""The demo killed as a whole: its sandbox still tells the truth, and the next demo on the same data takes everything over."""

from __future__ import annotations

import subprocess

import requests

from tests.support.live_portal import LivePortal, demo_running
from tests.support.waiting import wait_for


def test_demo_that_was_killed_is_taken_over_by_the_next(tmp_path):
    with demo_running(tmp_path) as (killed, process):
        account = killed.accounts.create()
        payment = account.begin(account.open_invoice(), method=account.save_card())
        assert _confirm(killed, account, payment) == 303
        process.kill()
        process.wait()
        assert len(killed.sandbox.ledger(payment)) == 1, "the gateway answers while the portal is dead"

    sandbox_pid = int((tmp_path / "sandbox.db.pid").read_text().split()[1])
    with demo_running(tmp_path) as (portal, process):
        assert len(portal.sandbox.ledger(payment)) == 1
        assert not _is_alive(sandbox_pid)
        assert _ask_for_mail(portal, account.email) == 303
        wait_for(lambda: portal.mails(account.email), seconds=10, sentence="a worker of the dead demo took the mail")
        sandbox_pid = int((tmp_path / "sandbox.db.pid").read_text().split()[1])
        process.terminate()
        wait_for(lambda: not _answers(portal.origin), seconds=10, sentence="the demo has not begun to end")
        process.terminate()  # Asked twice, as a shell and its supervisor do, it still ends what it started.
        assert process.wait(30) == 0
        assert not _is_alive(sandbox_pid)


def _answers(origin: str) -> bool:
    try:
        return requests.get(f"{origin}/healthz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip() != "" and not state.startswith("Z")


def _confirm(portal: LivePortal, account, payment: str) -> int:
    name, token = account.sign_in()
    return _post(f"{account.root}/checkout/{payment}/confirmation", {}, {name: token})


def _ask_for_mail(portal: LivePortal, email: str) -> int:
    return _post(f"{portal.origin}/acme/sign-in", {"email": email}, {})


def _post(url: str, form: dict[str, str], cookies: dict[str, str]) -> int:
    with requests.Session() as http:
        http.trust_env = False
        headers = {"Sec-Fetch-Site": "same-origin"}
        return http.post(
            url, data=form, cookies=cookies, headers=headers, allow_redirects=False, timeout=10
        ).status_code
