"""The gateway as a process: its ready line, its two addresses, dropped connections, delayed responses, crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

HEADERS = {"Authorization": "Bearer sk_sandbox_one"}
ROOT = Path(__file__).resolve().parents[3]


class Process:
    """One run of `python -m portal.sandbox_gateway`."""

    def __init__(self, database: Path, *more: str) -> None:
        command = [sys.executable, "-m", "portal.sandbox_gateway", "--database", str(database), *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        self.output = self.process.stdout
        line = self.output.readline()
        assert line.startswith("sandbox ready http://localhost:"), line
        self.url = line.split()[-1]
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(HEADERS)

    def post(self, path, body, key="K", **more):
        return self.session.post(self.url + path, json=body, headers={"Idempotency-Key": key}, timeout=10, **more)

    def card(self, number="4242424242424242"):
        body = {"type": "card", "number": number, "exp_month": 12, "exp_year": 2090}
        return self.post("/v1/tokens", body).json()["token"]

    def charge(self, token, reference="R1", key="K"):
        body = {"reference": reference, "amount": 5000, "currency": "XAF", "token": token}
        return self.post("/v1/charges", body, key)

    def ledger(self):
        return self.session.get(self.url + "/ledger", timeout=10).json()

    def end(self, how=signal.SIGTERM):
        self.session.close()
        self.process.send_signal(how)
        code = self.process.wait(timeout=10)
        self.output.close()
        return code


@pytest.fixture
def sandbox(tmp_path):
    process = Process(tmp_path / "sandbox.db")
    yield process
    if process.process.poll() is None:
        process.end()


def test_it_listens_on_both_loopback_addresses_and_stops_cleanly(tmp_path):
    sandbox = Process(tmp_path / "sandbox.db", "--clock-offset-seconds", "-3600")

    port = sandbox.url.rpartition(":")[2]
    for host in ("localhost", "127.0.0.1"):
        clock = sandbox.session.get(f"http://{host}:{port}/control/clock", timeout=5).json()
        assert clock["offset_seconds"] == -3600

    assert sandbox.end(signal.SIGTERM) == 0
    again = Process(tmp_path / "sandbox.db", "--port", port)
    assert again.url == f"http://localhost:{port}"
    assert again.session.get(again.url + "/control/clock", timeout=5).json()["offset_seconds"] == -3600
    assert again.end(signal.SIGINT) == 0


def test_dropped_connections_and_delayed_responses_leave_one_charge(sandbox):
    token = sandbox.card()
    sandbox.post("/control/behaviour", {"answer": "drop_before"})
    with pytest.raises(requests.ConnectionError):
        sandbox.charge(token)
    assert sandbox.ledger() == []

    sandbox.post("/control/behaviour", {"answer": "drop_after"})
    with pytest.raises(requests.ConnectionError):
        sandbox.charge(token)
    assert len(sandbox.ledger()) == 1
    assert sandbox.charge(token).headers["Idempotent-Replayed"] == "true"

    sandbox.post("/control/behaviour", {"answer": "slow", "delay_seconds": 1})
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(sandbox.charge, token, "R2", "K2")
        while len(sandbox.ledger()) < 2:
            time.sleep(0.02)
        assert sandbox.charge(token, "R2", "K2").json()["error"]["code"] == "idempotency_in_flight"
        assert slow.result().status_code == 201
    assert time.monotonic() - began >= 1
    assert sandbox.charge(token, "R2", "K2").headers["Idempotent-Replayed"] == "true"


def test_webhooks_are_sent_by_themselves_and_survive_a_restart(tmp_path, merchant):
    sandbox = Process(tmp_path / "sandbox.db")
    sandbox.post("/v1/webhook_endpoints", {"url": merchant.url, "secret": "whsec_test"})
    sandbox.charge(sandbox.card(), "R1", "K1")
    wait_until(lambda: merchant.types == ["charge.succeeded"])
    sandbox.post("/control/behaviour", {"webhooks": "late", "delay_seconds": 1})
    sandbox.charge(sandbox.card(), "R2", "K2")
    sandbox.end(signal.SIGKILL)
    assert len(merchant.received) == 1

    again = Process(tmp_path / "sandbox.db")
    wait_until(lambda: len(merchant.received) == 2)

    assert merchant.events[1]["data"]["reference"] == "R2"
    assert again.end() == 0


def test_kill_at_any_point_leaves_no_charge_or_a_whole_one(tmp_path):
    database = tmp_path / "sandbox.db"
    for attempt in range(3):
        sandbox = Process(database)
        token = sandbox.card()
        known = {entry["idempotency_key"] for entry in sandbox.ledger()}
        answered: set[str] = set()

        def charge(number, sandbox=sandbox, token=token, answered=answered, attempt=attempt):
            reference = f"R{attempt}-{number}"
            try:
                if status_of_charge(sandbox, token, reference) == 201:
                    answered.add(reference)
            except requests.RequestException:
                pass

        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(charge, number) for number in range(200)]
            time.sleep(0.1 + 0.07 * attempt)
            os.kill(sandbox.process.pid, signal.SIGKILL)
            for future in futures:
                future.cancel()
        sandbox.end(signal.SIGKILL)

        again = Process(database)
        charged = {entry["idempotency_key"]: entry for entry in again.ledger()}
        assert known | answered <= charged.keys()
        assert {entry["status"] for entry in charged.values()} <= {"succeeded"}
        for reference in list(charged.keys() - known)[-3:]:
            # The response was committed with the charge: a retry is replayed and charges nothing.
            assert again.charge(charged[reference]["token"], reference, reference).headers["Idempotent-Replayed"]
        assert len(again.ledger()) == len(charged)
        again.end()


def status_of_charge(sandbox, token, reference):
    body = {"reference": reference, "amount": 5000, "currency": "XAF", "token": token}
    headers = {**HEADERS, "Idempotency-Key": reference}
    return requests.post(sandbox.url + "/v1/charges", json=body, headers=headers, timeout=5).status_code


def wait_until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
