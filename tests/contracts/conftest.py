"""What the contract suite of the gateways works with: a bench, fresh for each test, and the orders given to its gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway_bench import GatewayBench
from tests.support.gateway_orders import Orders


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayBench]:
    """The bench that the test's parametrisation names."""
    kind: type[GatewayBench] = request.param
    bench = kind.start(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def orders(bench: GatewayBench) -> Orders:
    return Orders(bench, bench.gateway)
