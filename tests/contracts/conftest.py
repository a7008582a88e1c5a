"""What the contract suite of the gateways works with: a bench, fresh for each test, and a caller of its gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway_bench import GatewayBench
from tests.support.gateway_calls import GatewayCaller


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayBench]:
    """The bench that the test's parametrisation names."""
    kind: type[GatewayBench] = request.param
    bench = kind.start(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def caller(bench: GatewayBench) -> GatewayCaller:
    return GatewayCaller(bench, bench.gateway)
