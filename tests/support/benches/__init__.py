"""The gateways that the contract suite puts to the test: a module each, and its line here."""

from __future__ import annotations

from tests.support.benches.notchpay import NotchPayBench
from tests.support.benches.sandbox import SandboxBench
from tests.support.benches.stripe import StripeBench
from tests.support.gateway_bench import GatewayBench

BENCHES: tuple[type[GatewayBench], ...] = (SandboxBench, NotchPayBench, StripeBench)
